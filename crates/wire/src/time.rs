//! Moments as the wire writes them: ISO 8601, extended and compact, and the date of HTTP.

use strongroom_core::world::Timestamp;

const DAY_MILLIS: i64 = 86_400_000;
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// Reads `2015-08-30T12:36:00Z`, with a fraction of a second and an offset such as `+02:00` where there are any.
pub fn parse_iso8601(text: &str) -> Option<Timestamp> {
    let (date, time) = text.split_once(['T', 't'])?;
    let days = match date.as_bytes() {
        [_, _, _, _, b'-', _, _, b'-', _, _] => days(&date[..4], &date[5..7], &date[8..])?,
        _ => return None,
    };
    let at = time.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = time.split_at(at);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let millis = clock_millis(clock, [3, 6])? + fraction_millis(fraction)?;
    Some(Timestamp::from_millis(days * DAY_MILLIS + millis - offset_millis(zone)?))
}

/// Reads `20150830T123600Z`.
pub fn parse_compact(text: &str) -> Option<Timestamp> {
    if !text.is_ascii() || text.len() != 16 || text.as_bytes()[8] != b'T' || text.as_bytes()[15] != b'Z' {
        return None;
    }
    let days = days(&text[..4], &text[4..6], &text[6..8])?;
    Some(Timestamp::from_millis(days * DAY_MILLIS + clock_millis(&text[9..15], [2, 4])?))
}

/// Reads `Sun, 30 Aug 2015 12:36:00 GMT` (RFC 9110, IMF-fixdate); the name of the day is not checked.
pub fn parse_http(text: &str) -> Option<Timestamp> {
    let (_, rest) = text.split_once(", ")?;
    let mut parts = rest.split(' ');
    let (day, month, year, clock) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if parts.next() != Some("GMT") || parts.next().is_some() {
        return None;
    }
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let days = days(year, &format!("{month:02}"), day)?;
    Some(Timestamp::from_millis(days * DAY_MILLIS + clock_millis(clock, [3, 6])?))
}

/// Writes `20150830T123600Z`.
pub fn compact(moment: Timestamp) -> String {
    let [year, month, day, hour, minute, second] = fields(moment);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

/// Writes `2015-08-30T12:36:00Z`.
pub fn iso8601(moment: Timestamp) -> String {
    let [year, month, day, hour, minute, second] = fields(moment);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Writes `Sun, 30 Aug 2015 12:36:00 GMT`.
pub fn http(moment: Timestamp) -> String {
    let [year, month, day, hour, minute, second] = fields(moment);
    let weekday = WEEKDAYS[index(moment.as_secs().div_euclid(86_400).rem_euclid(7))];
    let month = MONTHS[index(month - 1)];
    format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
}

fn index(small: i64) -> usize {
    usize::try_from(small).expect("a remainder is not negative")
}

/// Year, month, day, hour, minute, second.
fn fields(moment: Timestamp) -> [i64; 6] {
    let secs = moment.as_secs();
    let [year, month, day] = civil(secs.div_euclid(86_400));
    let of_day = secs.rem_euclid(86_400);
    [year, month, day, of_day / 3600, of_day / 60 % 60, of_day % 60]
}

/// Days since the epoch of a date of the Gregorian calendar, if there is such a date.
fn days(year: &str, month: &str, day: &str) -> Option<i64> {
    let (year, month, day) = (number(year, 4)?, number(month, 2)?, number(day, 2)?);
    if !(1..=12).contains(&month) {
        return None;
    }
    let days = days_from_civil(year, month, day);
    (civil(days) == [year, month, day]).then_some(days)
}

/// The calendar repeats every 400 years of 146,097 days; years begin in March, so that the leap day is the last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year.div_euclid(400) * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil(days: i64) -> [i64; 3] {
    let days = days + 719_468;
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = (march_month + 2) % 12 + 1;
    [year + days.div_euclid(146_097) * 400 + i64::from(month <= 2), month, day]
}

/// Milliseconds of `HHMMSS` whose minutes and seconds stand at `at`, with colons or without.
fn clock_millis(text: &str, at: [usize; 2]) -> Option<i64> {
    let [minutes_at, seconds_at] = at;
    if !text.is_ascii() || text.len() != seconds_at + 2 {
        return None;
    }
    let gap = minutes_at - 2;
    if gap == 1 && (text.as_bytes()[2] != b':' || text.as_bytes()[5] != b':') {
        return None;
    }
    let hour = number(&text[..2], 2)?;
    let minute = number(&text[minutes_at..minutes_at + 2], 2)?;
    let second = number(&text[seconds_at..], 2)?;
    (hour < 24 && minute < 60 && second < 60).then_some(((hour * 60 + minute) * 60 + second) * 1000)
}

fn fraction_millis(text: &str) -> Option<i64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    number(&format!("{text:0<3}")[..3], 3)
}

fn offset_millis(zone: &str) -> Option<i64> {
    let sign = match zone.as_bytes() {
        [b'Z' | b'z'] => return Some(0),
        [b'+', _, _, b':', _, _] => 1,
        [b'-', _, _, b':', _, _] => -1,
        _ => return None,
    };
    if !zone.is_ascii() {
        return None;
    }
    let (hours, minutes) = (number(&zone[1..3], 2)?, number(&zone[4..], 2)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60_000)
}

fn number(text: &str, len: usize) -> Option<i64> {
    if text.len() != len || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read() {
        const AT: i64 = 1_440_938_160_000;
        check(parse_iso8601, "2015-08-30T12:36:00Z", Some(AT));
        check(parse_iso8601, "2015-08-30T12:36:00.25Z", Some(AT + 250));
        check(parse_iso8601, "2015-08-30T12:36:00.123999Z", Some(AT + 123));
        check(parse_iso8601, "2015-08-30T14:36:00+02:00", Some(AT));
        check(parse_iso8601, "2015-08-30T07:06:00-05:30", Some(AT));
        check(parse_iso8601, "1969-12-31T23:59:59Z", Some(-1000));
        check(parse_compact, "20150830T123600Z", Some(AT));
        check(parse_http, "Sun, 30 Aug 2015 12:36:00 GMT", Some(AT));
        for text in [
            "2015-02-29T00:00:00Z",
            "2015-13-01T00:00:00Z",
            "2015-08-30T24:00:00Z",
            "2015-08-30T12:36:00",
            "2015-08-30",
            "2015-08-30T12:36:00.Z",
            "2015-08-30T12:36:00.xZ",
            "2015-08-30T12:36:00+2:00",
            "",
            "T",
            "20150830T123600Z",
            "2015-08-30T12-36-00Z",
            "é015-08-30T12:36:00Z",
            "2015-08-30T12:36:00+0é:0",
        ] {
            check(parse_iso8601, text, None);
        }
        for text in
            ["20150830T123600", "20150830 123600Z", "2015083OT123600Z", "20150830T126000Z", "20150230T123600Z", "é"]
        {
            check(parse_compact, text, None);
        }
        for text in ["Sun, 30 Aug 2015 12:36:00", "Sun, 30 Foo 2015 12:36:00 GMT", "30 Aug 2015 12:36:00 GMT", "Sun, "]
        {
            check(parse_http, text, None);
        }

        #[track_caller]
        fn check(parse: fn(&str) -> Option<Timestamp>, text: &str, millis: Option<i64>) {
            assert_eq!(parse(text).map(Timestamp::as_millis), millis, "{text:?}");
        }
    }

    #[test]
    fn writing_and_reading_are_inverse() {
        // Steps of a prime number of seconds through four centuries, leap centuries and others among them.
        for secs in (-8_000_000_000_i64..13_000_000_000).step_by(6_000_011) {
            let moment = Timestamp::from_millis(secs * 1000);
            assert_eq!(parse_iso8601(&iso8601(moment)), Some(moment));
            assert_eq!(parse_compact(&compact(moment)), Some(moment));
            assert_eq!(parse_http(&http(moment)), Some(moment));
        }
        assert_eq!(http(Timestamp::from_millis(1_440_938_160_000)), "Sun, 30 Aug 2015 12:36:00 GMT");
    }
}
