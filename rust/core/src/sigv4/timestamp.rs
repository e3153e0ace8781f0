//! Points in time as SigV4 writes them.

use time::{Date, Month, OffsetDateTime, Time};

use super::InvalidArgument;

/// A second, as `YYYYMMDDTHHMMSSZ`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timestamp([u8; 16]);

impl Timestamp {
    /// The timestamp of a second since 1970-01-01T00:00:00Z.
    pub(crate) fn from_epoch(seconds: i64) -> Result<Self, InvalidArgument> {
        let moment = OffsetDateTime::from_unix_timestamp(seconds)
            .ok()
            .filter(|moment| (1..=9999).contains(&moment.year()))
            .ok_or_else(|| {
                let problem = format!("{seconds} seconds since 1970 is out of range");
                InvalidArgument::new("at", problem, "a time in the years 1 to 9999")
            })?;
        let mut text = *b"00000000T000000Z";
        digits(&mut text[0..4], u32::try_from(moment.year()).unwrap_or_default());
        digits(&mut text[4..6], u32::from(u8::from(moment.month())));
        digits(&mut text[6..8], u32::from(moment.day()));
        digits(&mut text[9..11], u32::from(moment.hour()));
        digits(&mut text[11..13], u32::from(moment.minute()));
        digits(&mut text[13..15], u32::from(moment.second()));
        Ok(Self(text))
    }

    /// The timestamp and its second since 1970, if `text` is one.
    pub(crate) fn parse(text: &[u8]) -> Option<(Self, i64)> {
        let text: [u8; 16] = text.try_into().ok()?;
        if text[8] != b'T' || text[15] != b'Z' {
            return None;
        }
        let year = i32::try_from(number(&text[0..4])?).ok().filter(|year| *year > 0)?;
        let month = Month::try_from(u8::try_from(number(&text[4..6])?).ok()?).ok()?;
        let day = u8::try_from(number(&text[6..8])?).ok()?;
        let hour = u8::try_from(number(&text[9..11])?).ok()?;
        let minute = u8::try_from(number(&text[11..13])?).ok()?;
        let second = u8::try_from(number(&text[13..15])?).ok()?;
        let date = Date::from_calendar_date(year, month, day).ok()?;
        let moment = date.with_time(Time::from_hms(hour, minute, second).ok()?).assume_utc();
        Some((Self(text), moment.unix_timestamp()))
    }

    /// `YYYYMMDDTHHMMSSZ`.
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// `YYYYMMDD`, the first part of a credential scope.
    pub(crate) fn date(&self) -> [u8; 8] {
        let mut date = [0; 8];
        date.copy_from_slice(&self.0[..8]);
        date
    }

    /// `YYYYMMDD` as text.
    pub(crate) fn date_str(&self) -> &str {
        std::str::from_utf8(&self.0[..8]).unwrap_or_default()
    }
}

fn digits(place: &mut [u8], mut number: u32) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
}

fn number(text: &[u8]) -> Option<u32> {
    text.iter().try_fold(0, |sum, digit| {
        digit.is_ascii_digit().then(|| sum * 10 + u32::from(digit - b'0'))
    })
}
