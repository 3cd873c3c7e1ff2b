//! Dates of documents and headers: ISO 8601, in the extended form.

use crate::time::parse_amz_date;

const MINUTE_MS: u64 = 60_000;

/// Reads `2026-11-22`, `2026-11-22T15:00:00Z`, with a fraction of a second or an offset from UTC
/// if there is one, as milliseconds since 1970. Without a zone it is UTC.
pub(super) fn parse_iso8601(text: &str) -> Option<u64> {
    let (date, time) = match text.split_once(['T', 't']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let date = digits(date, [4, 2, 2], '-')?;
    let Some(time) = time else { return parse_amz_date(&format!("{date}T000000Z")) };
    let (time, offset) = split_zone(time)?;
    let (time, fraction) = time.split_once(['.', ',']).unwrap_or((time, "0"));
    let time = match time.len() {
        5 => format!("{}00", digits(time, [2, 2], ':')?),
        _ => digits(time, [2, 2, 2], ':')?,
    };
    let whole = parse_amz_date(&format!("{date}T{time}Z"))?.checked_add(milliseconds(fraction)?)?;
    match offset {
        Offset::East(ms) => whole.checked_sub(ms),
        Offset::West(ms) => whole.checked_add(ms),
    }
}

enum Offset {
    East(u64),
    West(u64),
}

fn split_zone(time: &str) -> Option<(&str, Offset)> {
    if let Some(time) = time.strip_suffix(['Z', 'z']) {
        return Some((time, Offset::East(0)));
    }
    let Some(at) = time.find(['+', '-']) else { return Some((time, Offset::East(0))) };
    let (time, zone) = time.split_at(at);
    let clock = match zone.len() {
        6 => digits(&zone[1..], [2, 2], ':')?,
        _ => digits(&zone[1..], [4], ':')?,
    };
    let hours: u64 = clock.get(..2)?.parse().ok().filter(|hours| *hours < 24)?;
    let minutes: u64 = clock.get(2..)?.parse().ok().filter(|minutes| *minutes < 60)?;
    let ms = (hours * 60 + minutes) * MINUTE_MS;
    Some((time, if zone.starts_with('+') { Offset::East(ms) } else { Offset::West(ms) }))
}

/// The digits of groups of these lengths, `between` stands between them.
fn digits<const N: usize>(text: &str, lens: [usize; N], between: char) -> Option<String> {
    let mut groups = text.split(between);
    let mut out = String::new();
    for len in lens {
        let group = groups.next().filter(|group| group.len() == len)?;
        if !group.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        out.push_str(group);
    }
    if groups.next().is_none() { Some(out) } else { None }
}

/// The first three digits of a fraction; the rest is cut off.
fn milliseconds(fraction: &str) -> Option<u64> {
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    format!("{fraction:0<3}").get(..3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::iso8601;
    use proptest::prelude::*;

    const MS: u64 = 1_369_353_600_000;

    #[test]
    fn the_forms_that_clients_send_are_read() {
        for (text, ms) in [
            ("2013-05-24", MS),
            ("2013-05-24T00:00", MS),
            ("2013-05-24T00:00:00", MS),
            ("2013-05-24T00:00:00Z", MS),
            ("2013-05-24T00:00:00.5Z", MS + 500),
            ("2013-05-24T00:00:00.123999Z", MS + 123),
            ("2013-05-24T02:00:00+02:00", MS),
            ("2013-05-23T21:30:00-0230", MS),
        ] {
            assert_eq!(parse_iso8601(text), Some(ms), "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "20130524",
            "2013-5-24",
            "2013-02-30",
            "2013-05-24T",
            "2013-05-24T24:00:00Z",
            "2013-05-24T00:00:00+2",
            "2013-05-24T00:00:00.Z",
            "2013-05-24T00:00:00+é",
            "2013-05-24 00:00:00",
            "1970-01-01T00:00:00+01:00",
        ] {
            assert_eq!(parse_iso8601(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(ms in 0_u64..=253_402_300_799_999) {
            prop_assert_eq!(parse_iso8601(&iso8601(ms)), Some(ms));
        }

        #[test]
        fn arbitrary_text_never_panics(text in ".*", time in "2013-05-24T[0-9:.Zé+-]{0,20}") {
            parse_iso8601(&text);
            parse_iso8601(&time);
        }
    }
}
