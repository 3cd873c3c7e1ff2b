//! Builds the library that gives a process seeded randomness.

fn main() {
    println!("cargo::rerun-if-changed=src/randomness.c");
    let out = std::path::PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo says where output goes"));
    let library = out.join("libseededrandomness.so");
    let built = cc::Build::new()
        .get_compiler()
        .to_command()
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
        .arg(&library)
        .arg("src/randomness.c")
        .status();
    assert!(built.is_ok_and(|status| status.success()), "the C compiler could not build src/randomness.c");
    println!("cargo::rustc-env=SEEDED_RANDOMNESS={}", library.display());
}
