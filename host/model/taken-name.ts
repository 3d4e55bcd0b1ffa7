/** The appliance manager's address among its peers, which are blades by their names. */
export const APPLIANCE_MANAGER = "appliance-manager";

/** Names that no node can have: state is kept in objects by the names of nodes, and these every object has. */
export function isTakenName(name: string): boolean {
  return name in Object.prototype;
}
