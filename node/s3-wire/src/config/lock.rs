//! Object lock: the default of a bucket, retention and legal hold of a version, and the headers of
//! an upload that set them.

use crate::config::date::parse_iso8601;
use crate::config::field::{at_least, document, invalid_argument, set, word};
use crate::error::{ErrorCode, S3Error};
use crate::head::RequestHead;
use crate::xml::XmlWriter;
use crate::xml::reader::{Element, malformed};

const CONFIGURATION: &str = "ObjectLockConfiguration";
const RETENTION: &str = "Retention";
const LEGAL_HOLD: &str = "LegalHold";
const MODE_HEADER: &str = "x-amz-object-lock-mode";
const UNTIL_HEADER: &str = "x-amz-object-lock-retain-until-date";
const HOLD_HEADER: &str = "x-amz-object-lock-legal-hold";

const MAX_LEN: usize = 4 << 10;
const DAY_MS: u64 = 86_400_000;
const YEAR_DAYS: u64 = 365;
const MAX_DAYS: u32 = 36_500;
const MAX_YEARS: u32 = 100;

keywords! {
    /// Who may shorten a retention or delete what is retained.
    pub enum LockMode {
        /// Those with the permission to bypass it.
        Governance = "GOVERNANCE",
        /// Nobody.
        Compliance = "COMPLIANCE",
    }
}

keywords! {
    /// Whether a version is held whatever its retention.
    pub enum LegalHold {
        /// It is.
        On = "ON",
        /// It is not.
        Off = "OFF",
    }
}

/// How long new objects are retained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetentionPeriod {
    /// Days, 1 to 36,500.
    Days(u32),
    /// Years of 365 days, 1 to 100.
    Years(u32),
}

impl RetentionPeriod {
    /// The same in milliseconds.
    pub fn as_ms(self) -> u64 {
        match self {
            Self::Days(days) => u64::from(days) * DAY_MS,
            Self::Years(years) => u64::from(years) * YEAR_DAYS * DAY_MS,
        }
    }
}

/// The retention of objects that come without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DefaultRetention {
    /// Its mode.
    pub mode: LockMode,
    /// Its length.
    pub period: RetentionPeriod,
}

impl DefaultRetention {
    /// The retention of an object that is written now.
    pub fn from_now(&self, now_ms: u64) -> Retention {
        Retention { mode: self.mode, until_ms: now_ms.saturating_add(self.period.as_ms()) }
    }
}

/// The object lock of a bucket that has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ObjectLockConfiguration {
    /// What holds for objects that come without a retention.
    pub default: Option<DefaultRetention>,
}

impl ObjectLockConfiguration {
    /// The longest body.
    pub const MAX_LEN: usize = MAX_LEN;

    /// Reads the body of a `PutObjectLockConfiguration`.
    ///
    /// `InvalidRetentionPeriod` for a period that is not positive, `InvalidArgument` for one that
    /// is too long.
    pub fn parse(body: &[u8]) -> Result<Self, S3Error> {
        let root = document(body, MAX_LEN, CONFIGURATION)?;
        let (mut enabled, mut default) = (None, None);
        for child in &root.children {
            match child.name.as_str() {
                "ObjectLockEnabled" => set(&mut enabled, child.leaf()?.trim() == "Enabled")?,
                "Rule" => set(&mut default, parse_rule(child)?)?,
                _ => return Err(malformed()),
            }
        }
        if enabled == Some(true) { Ok(Self { default }) } else { Err(malformed()) }
    }

    /// The document.
    pub fn to_xml(&self) -> String {
        let mut xml = XmlWriter::document();
        xml.open_root(CONFIGURATION);
        xml.text("ObjectLockEnabled", "Enabled");
        if let Some(default) = &self.default {
            xml.open("Rule");
            xml.open("DefaultRetention");
            xml.text("Mode", default.mode.as_str());
            match default.period {
                RetentionPeriod::Days(days) => xml.number("Days", days),
                RetentionPeriod::Years(years) => xml.number("Years", years),
            }
            xml.close("DefaultRetention");
            xml.close("Rule");
        }
        xml.close(CONFIGURATION);
        xml.finish()
    }
}

fn parse_rule(element: &Element) -> Result<DefaultRetention, S3Error> {
    let [retention] = element.children.as_slice() else { return Err(malformed()) };
    if retention.name != "DefaultRetention" {
        return Err(malformed());
    }
    let (mut mode, mut period) = (None, None);
    for child in &retention.children {
        match child.name.as_str() {
            "Mode" => set(&mut mode, word(child, LockMode::from_name)?)?,
            "Days" => set(&mut period, RetentionPeriod::Days(parse_period(child, MAX_DAYS)?))?,
            "Years" => set(&mut period, RetentionPeriod::Years(parse_period(child, MAX_YEARS)?))?,
            _ => return Err(malformed()),
        }
    }
    Ok(DefaultRetention { mode: mode.ok_or_else(malformed)?, period: period.ok_or_else(malformed)? })
}

fn parse_period(element: &Element, most: u32) -> Result<u32, S3Error> {
    let period = at_least(1, element, || ErrorCode::InvalidRetentionPeriod.into())?;
    if period > most {
        return Err(invalid_argument(format!(
            "Default retention period is too large. The maximum value for {} is {most}.",
            element.name
        )));
    }
    Ok(period)
}

/// Until when a version may not be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Its mode.
    pub mode: LockMode,
    /// When it ends.
    pub until_ms: u64,
}

impl Retention {
    /// The longest body.
    pub const MAX_LEN: usize = MAX_LEN;

    /// Reads the body of a `PutObjectRetention`; `None` takes the retention away.
    ///
    /// `InvalidArgument` for an end that is not in the future.
    pub fn parse(body: &[u8], now_ms: u64) -> Result<Option<Self>, S3Error> {
        let root = document(body, MAX_LEN, RETENTION)?;
        let (mut mode, mut until_ms) = (None, None);
        for child in &root.children {
            match child.name.as_str() {
                "Mode" => set(&mut mode, word(child, LockMode::from_name)?)?,
                "RetainUntilDate" => set(&mut until_ms, word(child, parse_iso8601)?)?,
                _ => return Err(malformed()),
            }
        }
        match (mode, until_ms) {
            (None, None) => Ok(None),
            (Some(mode), Some(until_ms)) => Self { mode, until_ms }.in_future(now_ms).map(Some),
            _ => Err(malformed()),
        }
    }

    /// The document.
    pub fn to_xml(&self) -> String {
        let mut xml = XmlWriter::document();
        xml.open_root(RETENTION);
        xml.text("Mode", self.mode.as_str());
        xml.time("RetainUntilDate", self.until_ms);
        xml.close(RETENTION);
        xml.finish()
    }

    fn in_future(self, now_ms: u64) -> Result<Self, S3Error> {
        if self.until_ms > now_ms {
            return Ok(self);
        }
        Err(invalid_argument("The retain until date must be in the future!"))
    }
}

impl LegalHold {
    /// The longest body.
    pub const MAX_LEN: usize = MAX_LEN;

    /// Reads the body of a `PutObjectLegalHold`.
    pub fn parse(body: &[u8]) -> Result<Self, S3Error> {
        let root = document(body, MAX_LEN, LEGAL_HOLD)?;
        let mut status = None;
        for child in &root.children {
            match child.name.as_str() {
                "Status" => set(&mut status, word(child, Self::from_name)?)?,
                _ => return Err(malformed()),
            }
        }
        status.ok_or_else(malformed)
    }

    /// The document.
    pub fn to_xml(self) -> String {
        let mut xml = XmlWriter::document();
        xml.open_root(LEGAL_HOLD);
        xml.text("Status", self.as_str());
        xml.close(LEGAL_HOLD);
        xml.finish()
    }
}

/// What the headers of an upload or a copy ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LockHeaders {
    /// The retention; without one the default of the bucket holds.
    pub retention: Option<Retention>,
    /// The legal hold.
    pub legal_hold: Option<LegalHold>,
}

impl LockHeaders {
    /// Reads `x-amz-object-lock-mode`, `-retain-until-date` and `-legal-hold`.
    ///
    /// `InvalidArgument` for mode without date or date without mode, for words that are none, and
    /// for a date that is not in the future.
    pub fn from_head(head: &RequestHead<'_>, now_ms: u64) -> Result<Self, S3Error> {
        let (mode, until) = (head.header(MODE_HEADER)?, head.header(UNTIL_HEADER)?);
        let retention = match (mode, until) {
            (None, None) => None,
            (Some(mode), Some(until)) => Some(parse_headers(mode, until)?.in_future(now_ms)?),
            _ => {
                return Err(invalid_argument(
                    "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied",
                ));
            }
        };
        let legal_hold = head.header(HOLD_HEADER)?.map(parse_hold).transpose()?;
        Ok(Self { retention, legal_hold })
    }
}

fn parse_headers(mode: &str, until: &str) -> Result<Retention, S3Error> {
    let mode = LockMode::from_name(mode)
        .ok_or_else(|| S3Error::invalid_argument("Unknown wormMode directive.", MODE_HEADER, mode))?;
    let until_ms = parse_iso8601(until).ok_or_else(|| {
        S3Error::invalid_argument(
            "The retain until date must be provided in ISO 8601 format",
            UNTIL_HEADER,
            until,
        )
    })?;
    Ok(Retention { mode, until_ms })
}

fn parse_hold(text: &str) -> Result<LegalHold, S3Error> {
    LegalHold::from_name(text).ok_or_else(|| {
        S3Error::invalid_argument("Legal Hold must be either of 'ON' or 'OFF'", HOLD_HEADER, text)
    })
}

#[cfg(test)]
#[path = "lock_tests.rs"]
mod tests;
