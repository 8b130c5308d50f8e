// @biovlm/server: what a program that embeds the server imports. Browsers and other clients import ./client.

export { type AuditCheck, type AuditReport, auditKey, verifyAuditLog } from "./audit-chain.js";
export { type AuditLog, type AuditLogOptions, type AuditRecord, openAuditLog } from "./audit-log.js";
export { auditingEngine } from "./auditing-engine.js";
export { type ApiKey, parseKeys, type Scope } from "./auth.js";
export { ServerError, type ServerErrorCode, STATUS_OF } from "./errors.js";
export { type GrpcServer, grpcServer } from "./grpc/grpc-server.js";
export { bankKeepingEngine, keptBanks, refusalsLogged } from "./kept-banks.js";
export { renewCertificate } from "./lifecycle/certificate.js";
export { connectionLimits } from "./lifecycle/connection-limits.js";
export { type Drain, drainable, drainOnSignals } from "./lifecycle/drain.js";
export { listen } from "./lifecycle/listen.js";
export { type LogOutput, logOutput } from "./lifecycle/log-output.js";
export { createLogger, type LogLevel } from "./lifecycle/logging.js";
export { listenForMetrics, type MetricsListener } from "./lifecycle/metrics-listener.js";
export { loggedModels } from "./lifecycle/model-log.js";
export { type ReloadListeners, type Reloads, type Renewable, watchRenewables } from "./lifecycle/reloads.js";
export { recordRequests, traceRequests } from "./lifecycle/request-records.js";
export { type AuthFailure, createMetrics, type Metrics } from "./metrics.js";
export { isLoopback, type ServingOptions, servingOptions } from "./options.js";
export { type PageFiles, pageFiles } from "./page-files.js";
export { createServer, type ServerParts } from "./server.js";
