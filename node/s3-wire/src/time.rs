//! Times as S3 writes them, converted from and to milliseconds since 1970 (UTC), without a clock.

const DAY_MS: u64 = 86_400_000;
/// The last millisecond of the year 9999, beyond which none of the formats has room.
const LAST_MS: u64 = 253_402_300_799_999;
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A moment split into its calendar fields.
struct Calendar {
    year: u64,
    month: u64,
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
    millisecond: u64,
    weekday: &'static str,
}

impl Calendar {
    fn of(unix_ms: u64) -> Self {
        let unix_ms = unix_ms.min(LAST_MS);
        let days = unix_ms / DAY_MS;
        let in_day = unix_ms % DAY_MS;
        // Years that begin in March put the leap day last, so that every month but
        // the last has its fixed place (the proleptic Gregorian calendar by eras of
        // 400 years, 146,097 days each).
        let shifted = days + 719_468;
        let era = shifted / 146_097;
        let day_of_era = shifted % 146_097;
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        Self {
            year: era * 400 + year_of_era + u64::from(month <= 2),
            month,
            day,
            hour: in_day / 3_600_000,
            minute: in_day / 60_000 % 60,
            second: in_day / 1_000 % 60,
            millisecond: in_day % 1_000,
            weekday: WEEKDAYS.get(usize::try_from(days % 7).unwrap_or(0)).copied().unwrap_or("Thu"),
        }
    }

    fn month_name(&self) -> &'static str {
        usize::try_from(self.month - 1).ok().and_then(|month| MONTHS.get(month)).copied().unwrap_or("Jan")
    }
}

/// Milliseconds since 1970 of a date and time; `None` if no such moment exists since 1970.
fn unix_ms(year: u64, month: u64, day: u64, hour: u64, minute: u64, second: u64) -> Option<u64> {
    // A leap second counts as the second before it.
    let second = if second == 60 { 59 } else { second };
    let fits = (1970..=9999).contains(&year) && (1..=12).contains(&month) && hour < 24 && minute < 60;
    if !fits || second > 59 || day == 0 || day > month_length(year, month) {
        return None;
    }
    let march_year = if month <= 2 { year - 1 } else { year };
    let march_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * march_month + 2) / 5 + day - 1;
    let year_of_era = march_year % 400;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = march_year / 400 * 146_097 + day_of_era - 719_468;
    Some(days * DAY_MS + (hour * 3_600 + minute * 60 + second) * 1_000)
}

fn month_length(year: u64, month: u64) -> u64 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// `2026-11-22T15:00:00.000Z`, as in listings.
pub fn iso8601(unix_ms: u64) -> String {
    let at = Calendar::of(unix_ms);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        at.year, at.month, at.day, at.hour, at.minute, at.second, at.millisecond
    )
}

/// `Sun, 22 Nov 2026 15:00:00 GMT`, as in HTTP headers; the milliseconds are cut off.
pub fn http_date(unix_ms: u64) -> String {
    let at = Calendar::of(unix_ms);
    format!(
        "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
        at.weekday,
        at.day,
        at.month_name(),
        at.year,
        at.hour,
        at.minute,
        at.second
    )
}

/// `20261122T150000Z`, as in signatures.
pub fn amz_date(unix_ms: u64) -> String {
    let at = Calendar::of(unix_ms);
    format!("{:04}{:02}{:02}T{:02}{:02}{:02}Z", at.year, at.month, at.day, at.hour, at.minute, at.second)
}

/// Reads `20261122T150000Z`.
pub fn parse_amz_date(text: &str) -> Option<u64> {
    let bytes: &[u8; 16] = text.as_bytes().try_into().ok()?;
    if bytes[8] != b'T' || bytes[15] != b'Z' {
        return None;
    }
    unix_ms(
        number(text.get(0..4)?)?,
        number(text.get(4..6)?)?,
        number(text.get(6..8)?)?,
        number(text.get(9..11)?)?,
        number(text.get(11..13)?)?,
        number(text.get(13..15)?)?,
    )
}

/// Reads an HTTP date in any of its three forms (RFC 9110, section 5.6.7).
pub fn parse_http_date(text: &str) -> Option<u64> {
    let mut words = text.split([' ', ',']).filter(|word| !word.is_empty());
    let weekday = words.next()?;
    if !weekday.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return None;
    }
    let second = words.next()?;
    let (day, month, year, clock, zone) = if let Some(month) = month_number(second) {
        // Sun Nov  6 08:49:37 1994
        let (day, clock, year) = (words.next()?, words.next()?, words.next()?);
        (number(day)?, month, number(year)?, clock, "GMT")
    } else if second.contains('-') {
        // Sunday, 06-Nov-94 08:49:37 GMT
        let mut date = second.split('-');
        let (day, month, year) = (date.next()?, date.next()?, number(date.next()?)?);
        if date.next().is_some() {
            return None;
        }
        let year = match year {
            0..=69 => year + 2000,
            70..=99 => year + 1900,
            _ => year,
        };
        (number(day)?, month_number(month)?, year, words.next()?, words.next()?)
    } else {
        // Sun, 06 Nov 1994 08:49:37 GMT
        let (month, year) = (words.next()?, words.next()?);
        (number(second)?, month_number(month)?, number(year)?, words.next()?, words.next()?)
    };
    let utc = matches!(zone, "GMT" | "UTC" | "+0000" | "-0000" | "Z");
    if !utc || words.next().is_some() {
        return None;
    }
    let mut clock = clock.split(':');
    let (hour, minute, seconds) = (clock.next()?, clock.next()?, clock.next()?);
    if clock.next().is_some() {
        return None;
    }
    unix_ms(year, month, day, number(hour)?, number(minute)?, number(seconds)?)
}

fn month_number(name: &str) -> Option<u64> {
    let index = MONTHS.iter().position(|month| month.eq_ignore_ascii_case(name))?;
    u64::try_from(index).ok().map(|index| index + 1)
}

/// A number of one to four digits, without sign.
fn number(text: &str) -> Option<u64> {
    let digits = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Fri, 24 May 2013 00:00:00 GMT, the moment of the examples in the AWS documentation.
    const EXAMPLE_MS: u64 = 1_369_353_600_000;

    #[test]
    fn known_moments_are_written_and_read() {
        assert_eq!(amz_date(EXAMPLE_MS), "20130524T000000Z");
        assert_eq!(http_date(EXAMPLE_MS), "Fri, 24 May 2013 00:00:00 GMT");
        assert_eq!(iso8601(EXAMPLE_MS + 7), "2013-05-24T00:00:00.007Z");
        assert_eq!(iso8601(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(iso8601(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(parse_amz_date("20130524T000000Z"), Some(EXAMPLE_MS));
        for text in
            ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
        {
            assert_eq!(parse_http_date(text), Some(784_111_777_000), "{text}");
        }
    }

    #[test]
    fn moments_that_do_not_exist_are_refused() {
        for text in ["20130230T000000Z", "20131301T000000Z", "20130101T240000Z", "20130101 000000Z", "", "é"]
        {
            assert_eq!(parse_amz_date(text), None, "{text}");
        }
        for text in ["", "Sun, 31 Feb 2013 00:00:00 GMT", "Sun, 06 Nov 1994 08:49:37 CET", "06 Nov 1994"] {
            assert_eq!(parse_http_date(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(unix_ms in 0..=LAST_MS) {
            let whole = unix_ms / 1_000 * 1_000;
            prop_assert_eq!(parse_amz_date(&amz_date(unix_ms)), Some(whole));
            prop_assert_eq!(parse_http_date(&http_date(unix_ms)), Some(whole));
        }

        #[test]
        fn arbitrary_text_and_moments_never_panic(text in ".*", unix_ms: u64) {
            parse_amz_date(&text);
            parse_http_date(&text);
            iso8601(unix_ms);
            http_date(unix_ms);
        }
    }
}
