//! Under fuzz.sh C's branches are counted by branches.c, in the place of libFuzzer's function of that name.

fn main() {
    println!("cargo:rerun-if-env-changed=CFLAGS");
    if std::env::var("CFLAGS").is_ok_and(|flags| flags.contains("trace-pc")) {
        println!("cargo:rustc-link-arg-bins=-Wl,--wrap=__sanitizer_cov_trace_pc");
    }
}
