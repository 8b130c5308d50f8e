// Where a request comes from, for limits alone: never for rights, and never for the log. Behind a proxy that is trusted it is what the proxy says in
// X-Forwarded-For, else the other end of the connection.

import { BlockList, isIP } from "node:net";
import { ServerError } from "../errors.js";

/** Callers on a unix socket have no address: they are the proxy in front of it. */
const LOCAL = "unix socket";

/**
 * "10.0.0.0/8, 192.0.2.7" → whether an address is one of these; "unix" means whoever is on the unix socket.
 * @returns undefined where nobody is trusted
 * @throws ServerError `bad_option` for what is no address or network
 */
export function trustedProxies(list: string | undefined): ((address: string | undefined) => boolean) | undefined {
  if (list === undefined) return undefined;
  const networks = new BlockList();
  let socket = false;
  for (const entry of list.split(",").map((part) => part.trim())) {
    if (entry === "unix") {
      socket = true;
      continue;
    }
    const [address = "", bits] = entry.split("/");
    const family = isIP(address);
    const most = family === 4 ? 32 : 128;
    if (family === 0 || (bits !== undefined && !(/^\d{1,3}$/.test(bits) && Number(bits) <= most)))
      throw new ServerError(
        "bad_option",
        `trustProxy — expected addresses, networks such as 10.0.0.0/8, or unix, joined by commas, got ${JSON.stringify(entry.slice(0, 60))}. Correct it.`,
      );
    networks.addSubnet(address, bits === undefined ? most : Number(bits), family === 4 ? "ipv4" : "ipv6");
  }
  return (given) => {
    if (given === undefined || given === "") return socket;
    const address = plainAddress(given);
    const family = isIP(address);
    return family !== 0 && networks.check(address, family === 4 ? "ipv4" : "ipv6");
  };
}

/** What limits count by: an IPv4 address, or the first 64 bits of an IPv6 one, which is what one subscriber has. */
export function addressGroup(given: string | undefined): string {
  if (given === undefined || given === "") return LOCAL;
  const address = plainAddress(given);
  if (isIP(address) !== 6) return address;
  const [head = "", tail] = address.split("%")[0]!.split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? [] : Array<string>(Math.max(0, 8 - before.length - after.length)).fill("0");
  const groups = [...before, ...zeros, ...after].slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${groups.join(":")}::/64`;
}

/** An IPv4 address that an IPv6 socket wraps, as itself. */
function plainAddress(address: string): string {
  return /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i.exec(address)?.[1] ?? address;
}
