//! Builds the library that gives a process seeded randomness.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=src/randomness.c");
    let library = std::path::Path::new(&std::env::var("OUT_DIR")?).join("libseededrandomness.so");
    let built = cc::Build::new()
        .get_compiler()
        .to_command()
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
        .arg(&library)
        .arg("src/randomness.c")
        .status()?;
    if !built.success() {
        return Err("the C compiler does not take src/randomness.c".into());
    }
    println!("cargo::rustc-env=SEEDED_RANDOMNESS={}", library.display());
    Ok(())
}
