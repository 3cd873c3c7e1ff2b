//! The erasure code as it is linked works on wide registers: without them it is
//! ten times slower, and nothing else would say so.
#![cfg(target_arch = "x86_64")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

use mucura_chunks::{ErasureCode, cpu_supported};
use mucura_runtime::{RealDisk, read_file};
use mucura_types::Profile;

#[test]
fn the_linked_erasure_code_shuffles_32_bytes_at_once() {
    // So that the linker keeps it.
    let mut stripe = vec![1; 3 * 64];
    ErasureCode::new(Profile::new(2, 1)).unwrap().encode_stripe(&mut stripe).unwrap();

    let binary = read_file(&RealDisk, "/proc/self/exe".as_ref(), 1 << 30).unwrap();
    for symbol in ["reedsolomon_gal_mul", "reedsolomon_gal_mul_xor"] {
        let code = code_of(&binary, symbol).expect("a symbol of the erasure code's C part");
        assert!(code.windows(5).any(is_wide_shuffle), "no vpshufb on ymm registers in {symbol}");
    }
    assert!(cpu_supported(), "this machine cannot run what was compiled");
}

/// `vpshufb ymm, ymm, ymm`: VEX.256.66.0F38 00.
fn is_wide_shuffle(bytes: &[u8]) -> bool {
    bytes[0] == 0xc4 && bytes[1] & 0x1f == 0x02 && bytes[2] & 0x07 == 0x05 && bytes[3] == 0x00
}

/// The machine code of a symbol in an ELF file of 64 bits, little-endian.
fn code_of<'a>(elf: &'a [u8], symbol: &str) -> Option<&'a [u8]> {
    let half = |at: usize| Some(usize::from(u16::from_le_bytes(elf.get(at..at + 2)?.try_into().ok()?)));
    let word = |at: usize| usize::try_from(u32::from_le_bytes(elf.get(at..at + 4)?.try_into().ok()?)).ok();
    let long = |at: usize| usize::try_from(u64::from_le_bytes(elf.get(at..at + 8)?.try_into().ok()?)).ok();
    let (table, size, count) = (long(0x28)?, half(0x3a)?, half(0x3c)?);
    let section = |index: usize| table + index * size;
    let symtab = (0..count).map(section).find(|&at| word(at + 4) == Some(2))?;
    let strings = long(section(word(symtab + 0x28)?) + 0x18)?;
    let (start, len) = (long(symtab + 0x18)?, long(symtab + 0x20)?);
    let named = |at: &usize| {
        let name = word(*at).and_then(|offset| elf.get(strings + offset..)).unwrap_or_default();
        name.strip_prefix(symbol.as_bytes()).is_some_and(|rest| rest.first() == Some(&0))
    };
    let entry = (start..start + len).step_by(24).find(named)?;
    let home = section(half(entry + 6)?);
    let offset = long(home + 0x18)? + long(entry + 8)? - long(home + 0x10)?;
    elf.get(offset..offset + long(entry + 16)?)
}
