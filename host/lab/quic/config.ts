/** How quiche is set up at both ends. */
import { ALPN } from "./exchange.ts";
import { type Config, quiche } from "./quiche.ts";

/** Nobody is silent for so long: a connection that is has lost its other end. */
const IDLE_MS = 20_000;
const CONNECTION_BYTES = 10_000_000;
const STREAM_BYTES = 1_000_000;
const STREAMS = 100;
/** That the other end may have of ours: one in use, and some for changes of address. */
const CONNECTION_IDS = 4;

/** Paths of PEM files. Throws Error: quiche cannot read them. */
export function serverConfig(certificate: string, key: string): Config {
  const config = commonConfig();
  named(certificate, () => config.loadCertChainFromPemFile(certificate));
  named(key, () => config.loadPrivKeyFromPemFile(key));
  return config;
}

/** The same, of a CA. */
export function clientConfig(ca: string): Config {
  const config = commonConfig();
  named(ca, () => config.loadVerifyLocationsFromFile(ca));
  config.verifyPeer(true);
  return config;
}

/** quiche's own errors say only that TLS has failed. */
function named(path: string, load: () => void): void {
  try {
    load();
  } catch (error) {
    throw new Error(`${path}: it cannot be read as PEM: ${(error as Error).message}`);
  }
}

function commonConfig(): Config {
  const config = new quiche.Config();
  config.setApplicationProtos([ALPN]);
  config.setMaxIdleTimeout(IDLE_MS);
  config.setMaxRecvUdpPayloadSize(quiche.MAX_DATAGRAM_SIZE);
  config.setMaxSendUdpPayloadSize(quiche.MAX_DATAGRAM_SIZE);
  config.setInitialMaxData(CONNECTION_BYTES);
  config.setInitialMaxStreamDataBidiLocal(STREAM_BYTES);
  config.setInitialMaxStreamDataBidiRemote(STREAM_BYTES);
  config.setInitialMaxStreamsBidi(STREAMS);
  config.setActiveConnectionIdLimit(CONNECTION_IDS);
  config.setDisableActiveMigration(false);
  // Bodies are sent at a pace of their own.
  config.enablePacing(false);
  return config;
}
