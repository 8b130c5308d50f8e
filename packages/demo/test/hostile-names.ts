// File names that want to become markup, script, addresses or other text than they are. Not a test.

const MARKUP = [
  "<script>window.hacked=1</script>",
  "<img src=x onerror=window.hacked=1>",
  "<svg onload=window.hacked=1>",
  '"><script>window.hacked=1</script>',
  "'><img src=x onerror=window.hacked=1>",
  "<iframe srcdoc='<script>parent.hacked=1</script>'>",
  "<a href=javascript:window.hacked=1>x</a>",
  "<details open ontoggle=window.hacked=1>",
  "<style>*{display:none}</style>",
  "<link rel=stylesheet href=//evil.example/x.css>",
  "<base href=//evil.example/>",
  "<meta http-equiv=refresh content='0;url=//evil.example'>",
  "<object data=//evil.example>",
  "<embed src=//evil.example>",
  "<video><source onerror=window.hacked=1>",
  "<math><mtext><script>window.hacked=1</script></mtext></math>",
  "<template><script>window.hacked=1</script></template>",
  "</textarea><script>window.hacked=1</script>",
  "</title><script>window.hacked=1</script>",
  "<!--<script>window.hacked=1</script>-->",
  "&lt;script&gt;window.hacked=1&lt;/script&gt;",
  "{{constructor.constructor('window.hacked=1')()}}",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a name that looks like a template
  "${window.hacked=1}",
  "`;window.hacked=1;`",
  "javascript:window.hacked=1",
  "data:text/html,<script>window.hacked=1</script>",
];
const OTHER = [
  "\u202egnp.exe",
  "\u2066hidden\u2069",
  "a\u0000b",
  "a\nb",
  "a\rb",
  "a\tb",
  "\u001b[31mred\u001b[0m",
  "zero\u200bwidth",
  "line\u2028break",
  "\ufeffbom",
  "\ud800lone",
  "..",
  "../../etc/passwd",
  "..\\..\\windows",
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "C:\\con",
  "x".repeat(5000),
  "é".repeat(300),
  "👩‍⚕️ scan",
  "مستند",
  " leading and trailing ",
  "%3Cscript%3E",
  '=HYPERLINK("//evil.example")',
];

/** 52 names, all ending in .png. */
export const HOSTILE_NAMES: readonly string[] = [...MARKUP, ...OTHER].map((name) => `${name}.png`);

/** A PNG whose header says 30 000 × 30 000. */
export function bomb(png: readonly number[]): number[] {
  const out = [...png];
  out.splice(16, 8, 0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30);
  return out;
}
