//! Moments as bodies write them where they are not numbers: ISO 8601.
//!
//! # Not here
//! The compact form of signatures: `sigv4`.

use strongroom_core::world::Timestamp;

const DAY_MILLIS: i64 = 86_400_000;

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
    let millis = clock_millis(clock)? + fraction_millis(fraction)?;
    Some(Timestamp::from_millis(days * DAY_MILLIS + millis - offset_millis(zone)?))
}

/// Writes `2015-08-30T12:36:00Z`.
pub fn iso8601(moment: Timestamp) -> String {
    let [year, month, day, hour, minute, second] = fields(moment);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Writes `Aug 30, 2015, 12:36:00 PM`: how audit records write the moments of a request or a reply (behaviours 13.1).
pub fn spoken(moment: Timestamp) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let [year, month, day, hour, minute, second] = fields(moment);
    let month = usize::try_from(month - 1).ok().and_then(|at| MONTHS.get(at)).copied().unwrap_or_default();
    let half = if hour < 12 { "AM" } else { "PM" };
    format!("{month} {day}, {year}, {}:{minute:02}:{second:02} {half}", (hour + 11) % 12 + 1)
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
pub(crate) fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year.div_euclid(400) * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The inverse of [`days_from_civil`].
pub(crate) fn civil(days: i64) -> [i64; 3] {
    let days = days + 719_468;
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = (march_month + 2) % 12 + 1;
    [year + days.div_euclid(146_097) * 400 + i64::from(month <= 2), month, day]
}

/// Milliseconds of `HH:MM:SS`.
fn clock_millis(text: &str) -> Option<i64> {
    let [_, _, b':', _, _, b':', _, _] = text.as_bytes() else { return None };
    if !text.is_ascii() {
        return None;
    }
    let (hour, minute, second) = (number(&text[..2], 2)?, number(&text[3..5], 2)?, number(&text[6..], 2)?);
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
        check("2015-08-30T12:36:00Z", Some(AT));
        check("2015-08-30T12:36:00.25Z", Some(AT + 250));
        check("2015-08-30T12:36:00.123999Z", Some(AT + 123));
        check("2015-08-30T14:36:00+02:00", Some(AT));
        check("2015-08-30T07:06:00-05:30", Some(AT));
        check("1969-12-31T23:59:59Z", Some(-1000));
        check("2016-02-29T00:00:00Z", Some(1_456_704_000_000));
        check("2015-02-29T00:00:00Z", None);
        check("2015-13-01T00:00:00Z", None);
        check("2015-08-30T24:00:00Z", None);
        check("2015-08-30T12:60:00Z", None);
        check("2015-08-30T12:36:00", None);
        check("2015-08-30", None);
        check("2015-08-30T12:36:00.Z", None);
        check("2015-08-30T12:36:00.xZ", None);
        check("2015-08-30T12:36:00+2:00", None);
        check("2015-08-30T12-36-00Z", None);
        check("20150830T123600Z", None);
        check("", None);
        check("T", None);
        check("é15-08-30T12:36:00Z", None);
        check("2015-08-30T12:36:é0Z", None);
        check("2015-08-30T1é:36:00Z", None);
        check("2015-08-30T12:36:00+é:00", None);
        check("2015-08-30T12:36:00+0é:0", None);

        #[track_caller]
        fn check(text: &str, millis: Option<i64>) {
            assert_eq!(parse_iso8601(text).map(Timestamp::as_millis), millis, "{text:?}");
        }
    }

    #[test]
    fn moments_are_spoken() {
        check("2022-12-07T22:37:45Z", "Dec 7, 2022, 10:37:45 PM");
        check("2025-05-21T00:00:00Z", "May 21, 2025, 12:00:00 AM");
        check("2025-01-01T12:05:09Z", "Jan 1, 2025, 12:05:09 PM");
        check("2025-01-31T11:59:59Z", "Jan 31, 2025, 11:59:59 AM");

        #[track_caller]
        fn check(moment: &str, expect: &str) {
            assert_eq!(spoken(parse_iso8601(moment).expect("a moment")), expect);
        }
    }

    #[test]
    fn writing_and_reading_are_inverse() {
        // Steps of a prime number of seconds through four centuries, leap centuries and others among them.
        for secs in (-8_000_000_000_i64..13_000_000_000).step_by(6_000_011) {
            let moment = Timestamp::from_millis(secs * 1000);
            assert_eq!(parse_iso8601(&iso8601(moment)), Some(moment));
        }
    }
}
