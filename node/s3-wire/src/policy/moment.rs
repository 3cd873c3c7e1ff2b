//! Times as conditions write them.

use crate::time::parse_amz_date;

/// Milliseconds since 1970 of an ISO 8601 date or time in UTC, or of seconds since 1970.
pub(super) fn parse_moment(text: &str) -> Option<u64> {
    if text.len() <= 12 && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse::<u64>().ok()?.checked_mul(1_000);
    }
    let (date, clock) = text.split_once('T').unwrap_or((text, "00:00:00Z"));
    let clock = clock.strip_suffix('Z').or_else(|| clock.strip_suffix("+00:00"))?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let [year, month, day] = parts(date, '-')?;
    let [hour, minute, second] = parts(clock, ':')?;
    let fits = year.len() == 4 && [month, day, hour, minute, second].iter().all(|part| part.len() == 2);
    if !fits {
        return None;
    }
    let whole = parse_amz_date(&format!("{year}{month}{day}T{hour}{minute}{second}Z"))?;
    let milliseconds: String = fraction.chars().chain("000".chars()).take(3).collect();
    Some(whole + milliseconds.parse::<u64>().ok()?)
}

fn parts(text: &str, separator: char) -> Option<[&str; 3]> {
    let mut parts = text.split(separator);
    let three = [parts.next()?, parts.next()?, parts.next()?];
    if parts.next().is_some() { None } else { Some(three) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::iso8601;
    use proptest::prelude::*;

    #[test]
    fn the_forms_of_the_reference_are_read() {
        let day = 1_372_550_400_000;
        for text in
            ["2013-06-30", "2013-06-30T00:00:00Z", "2013-06-30T00:00:00.000Z", "2013-06-30T00:00:00+00:00"]
        {
            assert_eq!(parse_moment(text), Some(day), "{text}");
        }
        assert_eq!(parse_moment("1372550400"), Some(day));
        assert_eq!(parse_moment("2013-06-30T00:00:01.25Z"), Some(day + 1_250));
        for text in ["", "soon", "2013-6-30", "2013-06-31", "2013-06-30T00:00:00", "2013-06-30T0:00:00Z"] {
            assert_eq!(parse_moment(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(unix_ms in 0_u64..253_402_300_799_999) {
            prop_assert_eq!(parse_moment(&iso8601(unix_ms)), Some(unix_ms));
        }

        #[test]
        fn arbitrary_text_never_panics(text in ".{0,30}") {
            parse_moment(&text);
        }
    }
}
