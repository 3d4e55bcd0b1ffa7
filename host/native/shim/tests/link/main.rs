//! The links, from outside: real listeners, and clients that behave well and badly.

mod authority;
mod bundle;
mod bundles;
mod client;
mod double;
mod flash;
mod frames;
mod limits;
mod requests;
mod tls;
mod unix;
mod words;
