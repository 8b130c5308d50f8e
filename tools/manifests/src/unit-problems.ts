// A systemd unit → what is against it: sections and directives it knows (the ones this project uses), values, and the rules for a service that
// reads models and answers. systemd's own check is the test's business, where systemd is there.

/** Section → directive → what its value may be. */
const DIRECTIVES: Readonly<Record<string, Readonly<Record<string, RegExp>>>> = {
  Unit: { Description: /./, After: /^[\w@.-]+\.(target|service)( [\w@.-]+\.(target|service))*$/, Documentation: /^(https?|man):/ },
  Service: {
    Type: /^(simple|exec|notify)$/,
    NotifyAccess: /^(main|exec|all)$/,
    TimeoutStartSec: /^\d+$/,
    ExecStart: /^\/\S+( .*)?$/,
    ExecReload: /^\/\S+( .*)?$/,
    LoadCredential: /^[\w.-]+:\/\S+$/,
    MemoryMax: /^\d+[KMGT]?$/,
    DynamicUser: /^(yes|no)$/,
    RuntimeDirectory: /^[\w-]+$/,
    StateDirectory: /^[\w-]+$/,
    Environment: /^([A-Z_]+=\S+)( [A-Z_]+=\S+)*$/,
    Restart: /^(no|always|on-failure)$/,
    RestartSec: /^\d+$/,
    TimeoutStopSec: /^\d+$/,
    UMask: /^0[0-7]{3}$/,
    CapabilityBoundingSet: /^(CAP_\w+)?$/,
    ProtectSystem: /^(strict|full|yes)$/,
    ProtectProc: /^(invisible|noaccess|default)$/,
    SystemCallArchitectures: /^native$/,
    SystemCallFilter: /^[@~\w -]+$/,
    SystemCallErrorNumber: /^E[A-Z]+$/,
    RestrictAddressFamilies: /^(AF_\w+)( AF_\w+)*$/,
    IPAddressDeny: /^any$/,
    IPAddressAllow: /^localhost$/,
    ...Object.fromEntries(
      [
        "NoNewPrivileges ProtectHome ProtectClock ProtectControlGroups ProtectHostname ProtectKernelLogs ProtectKernelModules",
        "ProtectKernelTunables PrivateTmp PrivateDevices PrivateUsers RestrictNamespaces RestrictRealtime RestrictSUIDSGID LockPersonality",
      ]
        .flatMap((names) => names.split(" "))
        .map((name) => [name, /^(yes|no)$/]),
    ),
  },
  Install: { WantedBy: /^[\w-]+\.target$/ },
};

/** Without these the service could do more than read and answer. */
const REQUIRED: Readonly<Record<string, string>> = {
  DynamicUser: "yes",
  NoNewPrivileges: "yes",
  CapabilityBoundingSet: "",
  ProtectSystem: "strict",
  ProtectHome: "yes",
  PrivateTmp: "yes",
  IPAddressDeny: "any",
};

/** Section → directive → value. A line that is neither section, directive, comment nor blank throws. */
function readUnit(text: string): Record<string, Record<string, string>> {
  const unit: Record<string, Record<string, string>> = {};
  let section: Record<string, string> | undefined;
  for (const [i, line] of text.split("\n").entries()) {
    if (/^\s*([#;].*)?$/.test(line)) continue;
    const heading = /^\[(\w+)\]$/.exec(line);
    const directive = /^(\w+)=(.*)$/.exec(line);
    if (heading !== null) section = unit[heading[1]!] = {};
    else if (directive === null || section === undefined) throw new Error(`${i + 1}: expected a section or name=value, got ${line}`);
    else if (directive[1]! in section) throw new Error(`${i + 1}: ${directive[1]} twice`);
    else section[directive[1]!] = directive[2]!.trim();
  }
  return unit;
}

/** One line a fault; none for a unit that is well. */
export function unitProblems(text: string): string[] {
  const unit = readUnit(text);
  const problems: string[] = [];
  for (const [section, directives] of Object.entries(unit)) {
    const known = DIRECTIVES[section];
    if (known === undefined) problems.push(`[${section}] is no section of a service.`);
    for (const [name, value] of Object.entries(directives)) {
      const pattern = known?.[name];
      if (pattern === undefined) problems.push(`${name} is no directive of [${section}] that is known here.`);
      else if (!pattern.test(value)) problems.push(`${name}=${value} is no value of ${name}.`);
    }
  }
  const service = unit["Service"] ?? {};
  for (const [name, value] of Object.entries(REQUIRED))
    if (service[name] !== value) problems.push(`${name} — expected ${value || "no value"}, got ${service[name]}.`);
  if (service["ExecStart"] === undefined) problems.push("ExecStart is missing.");
  if (unit["Install"]?.["WantedBy"] === undefined) problems.push("WantedBy is missing: the service would not be started.");
  return problems;
}
