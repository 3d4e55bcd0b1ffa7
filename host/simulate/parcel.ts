/** A frame on its way, with what the simulation knows of it and no node does. */

export interface Parcel {
  readonly bytes: Uint8Array;
  /** Of the frame that an endpoint sent; copies and redirected ones keep it. A 32-bit number that looks random. */
  readonly id: number;
  /** Number of the flow that it belongs to. */
  readonly flow: number;
  /** Times that it was sent from one owner to another. */
  readonly redirects: number;
  /** When a NIC has given it to its host, µs. Absent: none has yet. */
  readonly deliveredUs?: number;
}

export type Take = (parcel: Parcel) => void;
