//! Node-API binding of the engine and of the emulator's TCP/IP stack. Types are checked here and errors are given
//! their codes; all else is in the two libraries. What JavaScript sees is typed in `host/engine/binding.ts`.

mod image;
mod netstack;
mod view;
