use std::time::Duration;

const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];

/// Bytes for people: three digits that count.
pub(crate) fn bytes(count: u64) -> String {
    if count < 1024 {
        return format!("{count} B");
    }
    let (mut value, mut unit) = (to_f64(count) / 1024.0, UNITS[0]);
    for next in &UNITS[1..] {
        if value < 999.5 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    let digits = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
    format!("{value:.digits$} {unit}")
}

/// A size as people write it: `4096`, `64KiB`, `1 GiB`, `5M`.
pub(crate) fn parse_bytes(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 =
        text[..digits].parse().map_err(|_| format!("{text:?} is not a size, such as 4096 or 64KiB"))?;
    let shift = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kib" => 10,
        "m" | "mib" => 20,
        "g" | "gib" => 30,
        "t" | "tib" => 40,
        other => return Err(format!("{other:?} is not a unit: B, KiB, MiB, GiB or TiB")),
    };
    number
        .checked_shl(shift)
        .filter(|size| size >> shift == number)
        .ok_or_else(|| format!("{text:?} is too large"))
}

/// A duration for people.
pub(crate) fn duration(value: Duration) -> String {
    let ms = value.as_secs_f64() * 1000.0;
    match ms {
        ..9.995 => format!("{ms:.2} ms"),
        ..999.5 => format!("{ms:.0} ms"),
        _ => format!("{:.2} s", ms / 1000.0),
    }
}

/// For display and rates: exact up to 2^53.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn to_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_shown_with_three_digits() {
        for (count, shown) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1536, "1.50 KiB"),
            (10 << 20, "10.0 MiB"),
            (1023 << 20, "1.00 GiB"),
            (u64::MAX, "16384 PiB"),
        ] {
            assert_eq!(bytes(count), shown);
        }
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, count) in
            [("4096", 4096), ("64KiB", 64 << 10), ("1 GiB", 1 << 30), ("5m", 5 << 20), ("0", 0)]
        {
            assert_eq!(parse_bytes(text), Ok(count));
        }
        for text in ["", "KiB", "1 parsec", "-1", "99999999999TiB"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
    }
}
