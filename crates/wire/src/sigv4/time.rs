//! The two ways a signed request writes its time.

use strongroom_core::world::Timestamp;

use crate::time::{civil, days_from_civil};

/// `20150830T123600Z`, 16 bytes of ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BasicTime([u8; 16]);

impl BasicTime {
    /// Reads the `X-Amz-Date` or `Date` header of a request: this form, or that of HTTP.
    pub(super) fn read(text: &str) -> Option<(Self, Timestamp)> {
        match parse_basic(text) {
            Some(at) => Some((Self(text.as_bytes().try_into().ok()?), at)),
            None => parse_http_date(text).map(|at| (Self::from(at), at)),
        }
    }

    pub(super) fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("made of ASCII")
    }

    /// `20150830`
    pub(super) fn date(&self) -> &str {
        &self.as_str()[..8]
    }
}

impl From<Timestamp> for BasicTime {
    /// Fractions of a second are cut off. Years beyond 9999 have no such form and become the last moment that has one.
    fn from(at: Timestamp) -> Self {
        let secs = at.as_secs().clamp(FIRST_SECOND, LAST_SECOND);
        let [year, month, day] = civil(secs.div_euclid(DAY_SECS));
        let of_day = secs.rem_euclid(DAY_SECS);
        let mut out = *b"00000000T000000Z";
        put(&mut out[0..4], year);
        put(&mut out[4..6], month);
        put(&mut out[6..8], day);
        put(&mut out[9..11], of_day / 3600);
        put(&mut out[11..13], of_day / 60 % 60);
        put(&mut out[13..15], of_day % 60);
        Self(out)
    }
}

const DAY_SECS: i64 = 86_400;
/// 0000-01-01T00:00:00Z.
const FIRST_SECOND: i64 = -62_167_219_200;
/// 9999-12-31T23:59:59Z.
const LAST_SECOND: i64 = 253_402_300_799;

/// Writes `value` in decimal, filling `out` from the right.
fn put(out: &mut [u8], mut value: i64) {
    for place in out.iter_mut().rev() {
        *place = b'0' + u8::try_from(value % 10).expect("a digit of a number that is not negative");
        value /= 10;
    }
}

/// Reads `20150830T123600Z`.
pub(super) fn parse_basic(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    if bytes.len() != 16 || bytes[8] != b'T' || bytes[15] != b'Z' {
        return None;
    }
    moment(
        digits(&bytes[0..4])?,
        digits(&bytes[4..6])?,
        digits(&bytes[6..8])?,
        [digits(&bytes[9..11])?, digits(&bytes[11..13])?, digits(&bytes[13..15])?],
    )
}

/// Reads `Sun, 30 Aug 2015 12:36:00 GMT` (RFC 9110 5.6.7), with botocore's `-0000` for `GMT` too.
pub(super) fn parse_http_date(text: &str) -> Option<Timestamp> {
    const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let bytes = text.as_bytes();
    let fixed = |at: usize, what: &[u8]| bytes.get(at..at + what.len()) == Some(what);
    let well_formed = matches!(bytes.get(25..), Some(b" GMT" | b" -0000" | b" +0000"))
        && fixed(3, b", ")
        && fixed(7, b" ")
        && fixed(11, b" ")
        && fixed(16, b" ")
        && fixed(19, b":")
        && fixed(22, b":");
    if !well_formed {
        return None;
    }
    let month = MONTHS.chunks(3).position(|name| name == &bytes[8..11])?;
    moment(
        digits(&bytes[12..16])?,
        i64::try_from(month).ok()? + 1,
        digits(&bytes[5..7])?,
        [digits(&bytes[17..19])?, digits(&bytes[20..22])?, digits(&bytes[23..25])?],
    )
}

fn digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0')))
}

fn moment(year: i64, month: i64, day: i64, [hour, minute, second]: [i64; 3]) -> Option<Timestamp> {
    let in_range = (1..=12).contains(&month) && day >= 1 && hour < 24 && minute < 60 && second < 60;
    let days = days_from_civil(year, month.clamp(1, 12), day);
    // A day that the month does not have comes back as another date.
    if !in_range || civil(days) != [year, month, day] {
        return None;
    }
    Some(Timestamp::from_millis((days * DAY_SECS + hour * 3600 + minute * 60 + second) * 1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_say_the_same() {
        check("20150830T123600Z", "Sun, 30 Aug 2015 12:36:00 GMT", 1_440_938_160);
        check("19700101T000000Z", "Thu, 01 Jan 1970 00:00:00 GMT", 0);
        check("20240229T235959Z", "Thu, 29 Feb 2024 23:59:59 GMT", 1_709_251_199);
        check("20000229T000000Z", "Tue, 29 Feb 2000 00:00:00 GMT", 951_782_400);
        check("19691231T235959Z", "Wed, 31 Dec 1969 23:59:59 GMT", -1);

        #[track_caller]
        fn check(basic: &str, http_date: &str, secs: i64) {
            let at = Timestamp::from_millis(secs * 1000);
            assert_eq!(parse_basic(basic), Some(at));
            assert_eq!(parse_http_date(http_date), Some(at));
            assert_eq!(parse_http_date(&http_date.replace("GMT", "-0000")), Some(at));
            assert_eq!(BasicTime::from(at.plus_millis(999)).as_str(), basic);
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "20150830T123600",
            "20150830 123600Z",
            "20150230T000000Z",
            "20150431T000000Z",
            "19000229T000000Z",
            "20151330T000000Z",
            "20150030T000000Z",
            "20150800T000000Z",
            "20150830T240000Z",
            "20150830T126000Z",
            "20150830T123660Z",
            "+0150830T123600Z",
            "2015083٠T12360Z",
        ] {
            assert_eq!(parse_basic(text), None, "{text}");
        }
        for text in [
            "",
            "Sun, 30 Aug 2015 12:36:00 UTC",
            "Sunday, 30-Aug-15 12:36:00 GMT",
            "Sun Aug 30 12:36:00 2015",
            "Sun, 30 Agu 2015 12:36:00 GMT",
            "Sun, 31 Sep 2015 12:36:00 GMT",
            "Sun, 3x Aug 2015 12:36:00 GMT",
        ] {
            assert_eq!(parse_http_date(text), None, "{text}");
        }
    }

    #[test]
    fn every_day_of_the_calendar_survives() {
        let mut days = FIRST_SECOND / DAY_SECS;
        while days <= LAST_SECOND / DAY_SECS {
            let [year, month, day] = civil(days);
            assert_eq!(days_from_civil(year, month, day), days);
            let at = Timestamp::from_millis(days * DAY_SECS * 1000);
            assert_eq!(parse_basic(BasicTime::from(at).as_str()), Some(at));
            days += 1;
        }
    }

    #[test]
    fn beyond_the_form_is_its_end() {
        assert_eq!(BasicTime::from(Timestamp::from_millis(i64::MAX)).as_str(), "99991231T235959Z");
        assert_eq!(BasicTime::from(Timestamp::from_millis(i64::MIN)).as_str(), "00000101T000000Z");
    }
}
