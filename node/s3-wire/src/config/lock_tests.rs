//! Locks are read as AWS reads them, from documents and from headers.

use http::Request;
use proptest::prelude::*;

use super::*;

const NOW_MS: u64 = 1_369_353_600_000;

fn configuration(rule: &str) -> Result<Option<DefaultRetention>, ErrorCode> {
    let body = format!(
        "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>{rule}</ObjectLockConfiguration>"
    );
    ObjectLockConfiguration::parse(body.as_bytes()).map(|read| read.default).map_err(|error| error.code)
}

fn rule(content: &str) -> String {
    format!("<Rule><DefaultRetention>{content}</DefaultRetention></Rule>")
}

#[test]
fn a_default_has_a_mode_and_days_or_years() {
    assert_eq!(configuration(""), Ok(None));
    assert_eq!(
        configuration(&rule("<Mode>GOVERNANCE</Mode><Days>1</Days>")),
        Ok(Some(DefaultRetention { mode: LockMode::Governance, period: RetentionPeriod::Days(1) }))
    );
    assert_eq!(
        configuration(&rule("<Mode>COMPLIANCE</Mode><Years>100</Years>")),
        Ok(Some(DefaultRetention { mode: LockMode::Compliance, period: RetentionPeriod::Years(100) }))
    );
    for (content, code) in [
        ("<Mode>GOVERNANCE</Mode><Days>1</Days><Years>1</Years>", ErrorCode::MalformedXml),
        ("<Mode>GOVERNANCE</Mode>", ErrorCode::MalformedXml),
        ("<Days>1</Days>", ErrorCode::MalformedXml),
        ("<Mode>governance</Mode><Days>1</Days>", ErrorCode::MalformedXml),
        ("<Mode>abc</Mode><Days>1</Days>", ErrorCode::MalformedXml),
        ("<Mode>GOVERNANCE</Mode><Days>x</Days>", ErrorCode::MalformedXml),
        ("<Mode>GOVERNANCE</Mode><Days>0</Days>", ErrorCode::InvalidRetentionPeriod),
        ("<Mode>GOVERNANCE</Mode><Years>-1</Years>", ErrorCode::InvalidRetentionPeriod),
        ("<Mode>GOVERNANCE</Mode><Days>36501</Days>", ErrorCode::InvalidArgument),
        ("<Mode>GOVERNANCE</Mode><Years>101</Years>", ErrorCode::InvalidArgument),
    ] {
        assert_eq!(configuration(&rule(content)), Err(code), "{content}");
    }
    for body in [
        "<ObjectLockConfiguration/>",
        "<ObjectLockConfiguration><ObjectLockEnabled>Disabled</ObjectLockEnabled></ObjectLockConfiguration>",
    ] {
        let code = ObjectLockConfiguration::parse(body.as_bytes()).map_err(|error| error.code);
        assert_eq!(code, Err(ErrorCode::MalformedXml), "{body}");
    }
}

#[test]
fn a_default_retains_for_its_period() {
    let default = DefaultRetention { mode: LockMode::Governance, period: RetentionPeriod::Years(1) };
    assert_eq!(default.from_now(NOW_MS).until_ms, NOW_MS + 365 * DAY_MS);
}

#[test]
fn a_retention_ends_in_the_future_and_an_empty_one_takes_it_away() {
    let read = |content: &str| {
        let body = format!("<Retention>{content}</Retention>");
        Retention::parse(body.as_bytes(), NOW_MS).map_err(|error| error.code)
    };
    assert_eq!(read(""), Ok(None));
    assert_eq!(
        read("<Mode>GOVERNANCE</Mode><RetainUntilDate>2013-05-24T00:00:00.001Z</RetainUntilDate>"),
        Ok(Some(Retention { mode: LockMode::Governance, until_ms: NOW_MS + 1 }))
    );
    for (content, code) in [
        (
            "<Mode>GOVERNANCE</Mode><RetainUntilDate>2013-05-24T00:00:00Z</RetainUntilDate>",
            ErrorCode::InvalidArgument,
        ),
        (
            "<Mode>governance</Mode><RetainUntilDate>2030-01-01T00:00:00Z</RetainUntilDate>",
            ErrorCode::MalformedXml,
        ),
        ("<Mode>GOVERNANCE</Mode><RetainUntilDate>tomorrow</RetainUntilDate>", ErrorCode::MalformedXml),
        ("<Mode>GOVERNANCE</Mode>", ErrorCode::MalformedXml),
        ("<RetainUntilDate>2030-01-01T00:00:00Z</RetainUntilDate>", ErrorCode::MalformedXml),
    ] {
        assert_eq!(read(content), Err(code), "{content}");
    }
}

#[test]
fn a_legal_hold_is_on_or_off() {
    for hold in LegalHold::ALL {
        assert_eq!(LegalHold::parse(hold.to_xml().as_bytes()), Ok(*hold));
    }
    for body in ["<LegalHold/>", "<LegalHold><Status>abc</Status></LegalHold>"] {
        let code = LegalHold::parse(body.as_bytes()).map_err(|error| error.code);
        assert_eq!(code, Err(ErrorCode::MalformedXml), "{body}");
    }
}

fn headers(pairs: &[(&str, &str)]) -> Result<LockHeaders, (ErrorCode, String)> {
    let mut request = Request::builder();
    for (name, value) in pairs {
        request = request.header(*name, *value);
    }
    let request = request.body(()).unwrap();
    LockHeaders::from_head(&RequestHead::from(&request), NOW_MS)
        .map_err(|error| (error.code, error.message.into_owned()))
}

#[test]
fn headers_come_together_and_are_checked() {
    let (mode, until) = ((MODE_HEADER, "COMPLIANCE"), (UNTIL_HEADER, "2030-01-01T00:00:00Z"));
    assert_eq!(headers(&[]), Ok(LockHeaders::default()));
    let read = headers(&[mode, until, (HOLD_HEADER, "ON")]).unwrap();
    assert_eq!(read.retention.map(|retention| retention.mode), Some(LockMode::Compliance));
    assert_eq!(read.legal_hold, Some(LegalHold::On));
    for (pairs, message) in [
        (vec![mode], "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied"),
        (vec![until], "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied"),
        (vec![(MODE_HEADER, "governance"), until], "Unknown wormMode directive."),
        (
            vec![mode, (UNTIL_HEADER, "06/06/2025")],
            "The retain until date must be provided in ISO 8601 format",
        ),
        (vec![mode, (UNTIL_HEADER, "2013-05-24T00:00:00Z")], "The retain until date must be in the future!"),
        (vec![(HOLD_HEADER, "on")], "Legal Hold must be either of 'ON' or 'OFF'"),
    ] {
        assert_eq!(headers(&pairs), Err((ErrorCode::InvalidArgument, message.to_owned())));
    }
}

proptest! {
    #[test]
    fn what_is_written_reads_back(days: bool, length in 1_u32..=100, compliance: bool, until_ms in NOW_MS + 1..NOW_MS * 10) {
        let mode = if compliance { LockMode::Compliance } else { LockMode::Governance };
        let period = if days { RetentionPeriod::Days(length) } else { RetentionPeriod::Years(length) };
        let configuration = ObjectLockConfiguration { default: Some(DefaultRetention { mode, period }) };
        prop_assert_eq!(ObjectLockConfiguration::parse(configuration.to_xml().as_bytes()), Ok(configuration));
        let retention = Retention { mode, until_ms };
        prop_assert_eq!(Retention::parse(retention.to_xml().as_bytes(), NOW_MS), Ok(Some(retention)));
    }

    #[test]
    fn arbitrary_headers_never_panic(mode in "[ -~]{0,12}", until in "[ -~]{0,30}", hold in "[ -~]{0,4}") {
        headers(&[(MODE_HEADER, &mode), (UNTIL_HEADER, &until), (HOLD_HEADER, &hold)]).ok();
    }
}
