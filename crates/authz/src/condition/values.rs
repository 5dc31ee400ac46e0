//! The values that conditions compare: decimals, moments, networks, bytes. Parsed strictly, compared exactly.

use std::net::{IpAddr, Ipv6Addr};

use strongroom_core::world::Timestamp;

/// A decimal number with nine places, exact: `NumericEquals` must not find two numbers equal that are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Decimal(i128);

const DECIMAL_PLACES: u32 = 9;
const DECIMAL_UNIT: i128 = 10_i128.pow(DECIMAL_PLACES);
/// So many digits before the point fit beside nine after it.
const MAX_WHOLE_DIGITS: usize = 28;

impl Decimal {
    pub(crate) fn from_whole(number: i64) -> Self {
        Self(i128::from(number) * DECIMAL_UNIT)
    }

    pub(crate) fn from_millis(millis: i64) -> Self {
        Self(i128::from(millis) * (DECIMAL_UNIT / 1000))
    }

    /// `-12`, `12.5`, `+0.25`; no exponents, and no more than nine digits after the point unless they are zeros.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (whole, places) = digits.split_once('.').unwrap_or((digits, "0"));
        let places = trim_zeros(places)?;
        if whole.is_empty() || whole.len() > MAX_WHOLE_DIGITS || places.len() > DECIMAL_PLACES as usize {
            return None;
        }
        let places_value = places.bytes().chain(std::iter::repeat(b'0')).take(DECIMAL_PLACES as usize);
        let mut units = 0_i128;
        for digit in whole.bytes().chain(places_value) {
            units = units * 10 + i128::from(char::from(digit).to_digit(10)?);
        }
        Some(Self(if negative { -units } else { units }))
    }
}

/// Digits after the point, without the zeros at their end; `None` when there are none at all.
fn trim_zeros(places: &str) -> Option<&str> {
    if places.is_empty() { None } else { Some(places.trim_end_matches('0')) }
}

const MILLIS_PER_DAY: i64 = 86_400_000;

/// A moment in one of the forms of W3C's profile of ISO 8601, or in seconds since 1970.
///
/// Four digits alone are a year.
pub(crate) fn parse_date(text: &str) -> Option<Timestamp> {
    let all_digits = text.bytes().all(|b| b.is_ascii_digit());
    if all_digits && text.len() != 4 || text.contains('.') && !text.contains('T') {
        return parse_epoch_seconds(text);
    }
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let year = parse_digits(parts.next()?, 4)?;
    let month = parts.next().map_or(Some(1), |month| parse_digits(month, 2))?;
    let day = parts.next().map_or(Some(1), |day| parse_digits(day, 2))?;
    let is_complete = date.len() == 10;
    if parts.next().is_some() || !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    let of_day = match time {
        Some(time) if is_complete => parse_time_of_day(time)?,
        Some(_) => return None,
        None => 0,
    };
    Some(Timestamp::from_millis(days_from_epoch(year, month, day) * MILLIS_PER_DAY + of_day))
}

/// Seconds since 1970, with up to nine places of which three count.
fn parse_epoch_seconds(text: &str) -> Option<Timestamp> {
    let Decimal(units) = Decimal::parse(text)?;
    i64::try_from(units.div_euclid(DECIMAL_UNIT / 1000)).ok().map(Timestamp::from_millis)
}

/// `hh:mm`, `hh:mm:ss` or `hh:mm:ss.s…`, and a zone; in milliseconds of the UTC day, which the zone may leave.
fn parse_time_of_day(text: &str) -> Option<i64> {
    let zone_at = text.find(['Z', '+', '-'])?;
    let (time, zone) = text.split_at(zone_at);
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut parts = clock.split(':');
    let hours = parse_digits(parts.next()?, 2)?;
    let minutes = parse_digits(parts.next()?, 2)?;
    let seconds = parts.next().map_or(Some(0), |seconds| parse_digits(seconds, 2))?;
    let has_fraction = time.len() > clock.len();
    if parts.next().is_some() || hours > 23 || minutes > 59 || seconds > 59 || has_fraction && clock.len() != 8 {
        return None;
    }
    let Decimal(fraction) = Decimal::parse(&format!("0.{fraction}"))?;
    let fraction_millis = i64::try_from(fraction / (DECIMAL_UNIT / 1000)).ok()?;
    let zone_minutes = parse_zone_minutes(zone)?;
    Some(((hours * 60 + minutes - zone_minutes) * 60 + seconds) * 1000 + fraction_millis)
}

fn parse_zone_minutes(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let (hours, minutes) = (parse_digits(hours, 2)?, parse_digits(minutes, 2)?);
    if hours > 14 || minutes > 59 {
        return None;
    }
    let offset = hours * 60 + minutes;
    Some(if zone.starts_with('-') { -offset } else { offset })
}

fn parse_digits(text: &str, len: usize) -> Option<i64> {
    if text.len() == len && text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date in the Gregorian calendar. Years begin in March here, so that the leap day is last.
fn days_from_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_epoch`].
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

/// A moment as policy variables and string operators see it: `2026-11-25T01:35:00Z`.
pub(crate) fn show_date(date: Timestamp) -> String {
    let seconds = date.as_secs();
    let (year, month, day) = date_of(seconds.div_euclid(86_400));
    let of_day = seconds.rem_euclid(86_400);
    let (hours, minutes, seconds) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}Z")
}

/// A range of addresses of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    address: IpAddr,
    prefix_bits: u32,
}

impl Network {
    /// `203.0.113.0/24`, `2001:db8::/32`, or one address.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let max_bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix_bits = match prefix {
            Some(digits) if (1..=3).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse().ok().filter(|bits| *bits <= max_bits)?
            }
            Some(_) => return None,
            None => max_bits,
        };
        Some(Self { address, prefix_bits })
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        match (self.address, canonical(address)) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - self.prefix_bits).unwrap_or(0);
                (u32::from(network) ^ u32::from(address)) & mask == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => self.covers_v6(network, address),
            // A range written as ::ffff:a.b.c.d/n is of version 6, though the address counts as one of version 4.
            (IpAddr::V6(network), IpAddr::V4(address)) => self.covers_v6(network, address.to_ipv6_mapped()),
            (IpAddr::V4(_), IpAddr::V6(_)) => false,
        }
    }

    fn covers_v6(&self, network: Ipv6Addr, address: Ipv6Addr) -> bool {
        // Ranges such as ::/0 mean addresses of version 6; an address of version 4 is in a range of mapped ones alone.
        let same_kind = network.to_ipv4_mapped().is_some() == address.to_ipv4_mapped().is_some();
        let mask = u128::MAX.checked_shl(128 - self.prefix_bits).unwrap_or(0);
        same_kind && (u128::from(network) ^ u128::from(address)) & mask == 0
    }
}

/// An address of version 4 that arrived as one of version 6 is what it was.
fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// Bytes from base64 (RFC 4648, section 4), padded and without anything else in it.
pub(crate) fn parse_base64(text: &str) -> Option<Vec<u8>> {
    let text = text.as_bytes();
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let padding = text.iter().rev().take_while(|b| **b == b'=').count();
    let digits = &text[..text.len() - padding];
    if padding > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for group in digits.chunks(4) {
        let mut bits = 0_u32;
        for at in 0..4 {
            bits = bits << 6 | group.get(at).map_or(Some(0), |digit| base64_value(*digit))?;
        }
        let [_, high, middle, low] = bits.to_be_bytes();
        let whole = [high, middle, low];
        let (kept, dropped) = whole.split_at(group.len() * 6 / 8);
        if dropped.iter().any(|byte| *byte != 0) {
            return None;
        }
        bytes.extend_from_slice(kept);
    }
    Some(bytes)
}

fn base64_value(digit: u8) -> Option<u32> {
    let value = match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

/// `true` and `false`, in any case.
pub(crate) fn parse_bool(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact() {
        let parse = |text: &str| Decimal::parse(text);
        assert!(parse("10") > parse("9.999999999"));
        assert_ne!(parse("9007199254740993"), parse("9007199254740992"));
        assert_eq!(parse("1.50"), parse("+1.5"));
        assert_eq!(parse("-0"), parse("0"));
        assert_eq!(parse("1546257599.0"), Some(Decimal::from_millis(1_546_257_599_000)));
        for bad in ["", "-", ".", "1.", ".5", "1e3", "NaN", "0x10", "1 ", "1.2.3", "--1", "1.0000000001", "１"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        assert_eq!(parse(&"9".repeat(29)), None);
    }

    #[test]
    fn dates_in_every_form() {
        check("1970", Some(0));
        check("1970-01", Some(0));
        check("1970-01-02", Some(86_400_000));
        check("1970-01-01T00:01Z", Some(60_000));
        check("1970-01-01T00:00:01Z", Some(1_000));
        check("1970-01-01T00:00:01.5Z", Some(1_500));
        check("1970-01-01T01:00:00+01:00", Some(0));
        check("1969-12-31T23:00:00-01:00", Some(0));
        check("2000-02-29T00:00:00Z", Some(951_782_400_000));
        check("1546257599.0", Some(1_546_257_599_000));
        check("1546257599", Some(1_546_257_599_000));
        check("1900-02-29", None);
        check("2026-13-01", None);
        check("2026-11-31", None);
        check("2026-11T00:00Z", None);
        check("2026-11-25T24:00:00Z", None);
        check("2026-11-25T00:00:00", None);
        check("2026-11-25T00:00.5Z", None);
        check("2026-11-25 00:00:00Z", None);
        check("tomorrow", None);
        check("", None);

        #[track_caller]
        fn check(text: &str, expect: Option<i64>) {
            assert_eq!(parse_date(text).map(Timestamp::as_millis), expect, "{text}");
        }
    }

    #[test]
    fn dates_read_back_as_shown() {
        for day in (-800_000..800_000).step_by(97) {
            let date = Timestamp::from_millis(day * MILLIS_PER_DAY + 12_345_000);
            if (0..=9999).contains(&date_of(day).0) {
                assert_eq!(parse_date(&show_date(date)), Some(date), "{day}");
            }
        }
    }

    #[test]
    fn networks() {
        check("203.0.113.0/24", "203.0.113.255", true);
        check("203.0.113.0/24", "203.0.114.0", false);
        check("203.0.113.77/24", "203.0.113.1", true);
        check("203.0.113.7", "203.0.113.7", true);
        check("203.0.113.7", "203.0.113.8", false);
        check("0.0.0.0/0", "255.255.255.255", true);
        check("0.0.0.0/0", "::1", false);
        check("::/0", "2001:db8::1", true);
        check("::/0", "10.0.0.1", false);
        check("2001:DB8:1234:5678::/64", "2001:db8:1234:5678::9", true);
        check("2001:DB8:1234:5678::/64", "2001:db8:1234:5679::9", false);
        check("10.0.0.0/8", "::ffff:10.1.2.3", true);
        check("::ffff:10.0.0.0/104", "10.1.2.3", true);
        for bad in ["", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0/8", "::/129", "10.0.0.0/+8", "x"] {
            assert_eq!(Network::parse(bad), None, "{bad}");
        }

        #[track_caller]
        fn check(network: &str, address: &str, expect: bool) {
            let network = Network::parse(network).expect("a network");
            assert_eq!(network.contains(address.parse().expect("an address")), expect);
        }
    }

    #[test]
    fn base64_vectors_of_rfc_4648() {
        for (text, bytes) in
            [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYg==", "foob"), ("Zm9vYmFy", "foobar")]
        {
            assert_eq!(parse_base64(text).as_deref(), Some(bytes.as_bytes()), "{text}");
        }
        assert_eq!(parse_base64("QmluYXJ5VmFsdWVJbkJhc2U2NA==").as_deref(), Some(&b"BinaryValueInBase64"[..]));
        for bad in ["Zg", "Zg=", "Zh==", "Z===", "====", "Zm9*", "zg==\n", "Zm9v="] {
            assert_eq!(parse_base64(bad), None, "{bad}");
        }
    }
}
