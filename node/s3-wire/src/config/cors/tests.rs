//! Rules are read within their bounds, and requests are allowed as AWS allows them.

use http::{HeaderMap, Request};
use proptest::prelude::*;

use super::*;
use crate::head::RequestHead;

fn read(rules: &str) -> Result<CorsConfiguration, (ErrorCode, String)> {
    CorsConfiguration::parse(format!("<CORSConfiguration>{rules}</CORSConfiguration>").as_bytes())
        .map_err(|error| (error.code, error.message.into_owned()))
}

fn rule(origin: &str, method: &str, extra: &str) -> String {
    format!(
        "<CORSRule><AllowedMethod>{method}</AllowedMethod><AllowedOrigin>{origin}</AllowedOrigin>{extra}</CORSRule>"
    )
}

#[test]
fn rules_with_faults_are_refused_with_the_words_of_aws() {
    for (rules, message) in [
        (rule("a", "PATCH", ""), "Found unsupported HTTP method in CORS config. Unsupported method is PATCH"),
        (rule("*a*", "GET", ""), "AllowedOrigin \"*a*\" can not have more than one wildcard."),
        (
            rule("a", "GET", "<AllowedHeader>x-*-*</AllowedHeader>"),
            "AllowedHeader \"x-*-*\" can not have more than one wildcard.",
        ),
        (
            rule("a", "GET", "<ExposeHeader>*</ExposeHeader>"),
            "ExposeHeader \"*\" contains wildcard. We currently do not support wildcard for ExposeHeader.",
        ),
        (
            rule("a", "GET", "").repeat(101),
            "The number of CORS rules should not exceed allowed limit of 100 rules.",
        ),
    ] {
        assert_eq!(read(&rules), Err((ErrorCode::InvalidRequest, message.to_owned())));
    }
    assert_eq!(read(&rule("a", "GET", "").repeat(100)).map(|read| read.rules.len()), Ok(100));
    for rules in [
        "",
        "<CORSRule/>",
        "<CORSRule><AllowedMethod>GET</AllowedMethod></CORSRule>",
        "<CORSRule><AllowedOrigin>*</AllowedOrigin></CORSRule>",
        &rule("a", "GET", "<MaxAgeSeconds>-1</MaxAgeSeconds>") as &str,
        &rule("a", "GET", "<ExposeHeader>a\nb</ExposeHeader>"),
        &rule("a", "GET", "<Other/>"),
    ] {
        assert_eq!(read(rules).map_err(|error| error.0), Err(ErrorCode::MalformedXml), "{rules}");
    }
}

fn request(method: &str, headers: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::builder().method(method);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap()
}

fn origins() -> CorsConfiguration {
    let rules = [("*suffix", "GET"), ("start*end", "GET"), ("prefix*", "GET"), ("*.put", "PUT")];
    read(&rules.map(|(origin, method)| rule(origin, method, "")).concat()).unwrap()
}

/// Allowed origin and methods of an actual request.
fn actual(method: &str, headers: &[(&str, &str)]) -> Option<(String, String)> {
    let request = request(method, headers);
    let request = CorsRequest::actual(&RequestHead::from(&request))?;
    origins().answer(&request).map(|headers| (headers.allow_origin, headers.allow_methods))
}

#[test]
fn actual_requests_get_headers_when_origin_and_method_fit() {
    for (origin, allowed) in [
        ("foo.suffix", true),
        ("foo.bar", false),
        ("foo.suffix.get", false),
        ("startend", true),
        ("start1end", true),
        ("0start12end", false),
        ("startEnd", false),
        ("prefix", true),
        ("prefix.suffix", true),
        ("bla.prefix", false),
    ] {
        let expected = allowed.then(|| (origin.to_owned(), "GET".to_owned()));
        assert_eq!(actual("GET", &[("origin", origin)]), expected, "{origin}");
    }
    assert_eq!(actual("GET", &[]), None);
    assert_eq!(actual("PUT", &[("origin", "foo.suffix")]), None);
    assert_eq!(actual("PUT", &[("origin", "foo.put")]), Some(("foo.put".into(), "PUT".into())));
    // What the request says it is goes before what it is.
    let named = |method: &'static str| [("origin", "foo.suffix"), ("access-control-request-method", method)];
    assert_eq!(actual("PUT", &named("GET")), Some(("foo.suffix".into(), "GET".into())));
    assert_eq!(actual("PUT", &named("DELETE")), None);
}

#[test]
fn a_star_does_not_overlap_itself() {
    let wildcard = Wildcard::parse("aba*aba").unwrap();
    assert!(!wildcard.matches("aba") && !wildcard.matches_ignoring_case("ABAba"));
    assert!(wildcard.matches("abaaba") && wildcard.matches_ignoring_case("ABAxABA"));
}

fn preflight(rules: Option<&CorsConfiguration>, headers: &[(&str, &str)]) -> Result<CorsHeaders, S3Error> {
    let request = request("OPTIONS", headers);
    let request = CorsRequest::preflight(&RequestHead::from(&request))?;
    CorsConfiguration::answer_preflight(rules, &request, "OBJECT")
}

#[test]
fn preflights_are_refused_as_aws_refuses_them() {
    let rules = read(&rule("*", "GET", "<AllowedHeader>x-amz-*</AllowedHeader>")).unwrap();
    let (origin, method) = (("origin", "o"), ("access-control-request-method", "GET"));
    let many = "x-amz-a,".repeat(101);
    for (rules, headers, code, message) in [
        (
            Some(&rules),
            vec![method],
            ErrorCode::BadRequest,
            "Insufficient information. Origin request header needed.",
        ),
        (Some(&rules), vec![origin], ErrorCode::BadRequest, "Invalid Access-Control-Request-Method: null"),
        (
            Some(&rules),
            vec![origin, ("access-control-request-method", "get")],
            ErrorCode::BadRequest,
            "Invalid Access-Control-Request-Method: get",
        ),
        (
            None,
            vec![origin, method],
            ErrorCode::AccessForbidden,
            "CORSResponse: CORS is not enabled for this bucket.",
        ),
        (
            Some(&rules),
            vec![origin, ("access-control-request-method", "PUT")],
            ErrorCode::AccessForbidden,
            ErrorCode::AccessForbidden.message(),
        ),
        (
            Some(&rules),
            vec![origin, method, ("access-control-request-headers", "x-amz-a, content-type")],
            ErrorCode::AccessForbidden,
            ErrorCode::AccessForbidden.message(),
        ),
        (
            Some(&rules),
            vec![origin, method, ("access-control-request-headers", &many as &str)],
            ErrorCode::BadRequest,
            "Too many Access-Control-Request-Headers",
        ),
    ] {
        let error = preflight(rules, &headers).unwrap_err();
        assert_eq!((error.code, error.message.as_ref()), (code, message), "{headers:?}");
    }
}

#[test]
fn answers_have_the_headers_of_aws() {
    let extra = "<AllowedMethod>PUT</AllowedMethod><AllowedHeader>X-Amz-*</AllowedHeader>\
                 <ExposeHeader>ETag</ExposeHeader><ExposeHeader>x-amz-meta-a</ExposeHeader>\
                 <MaxAgeSeconds>300</MaxAgeSeconds>";
    let lines = |origin: &str| {
        let rules = read(&rule(origin, "GET", extra)).unwrap();
        let headers = [
            ("origin", "https://a.example"),
            ("access-control-request-method", "GET"),
            ("access-control-request-headers", "x-amz-A,X-AMZ-B"),
        ];
        let mut map = HeaderMap::new();
        preflight(Some(&rules), &headers).unwrap().insert_into(&mut map);
        map.iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect::<std::collections::BTreeSet<_>>()
    };
    let common = [
        "access-control-allow-methods: GET, PUT",
        "access-control-allow-headers: x-amz-a, x-amz-b",
        "access-control-expose-headers: ETag, x-amz-meta-a",
        "access-control-max-age: 300",
        "vary: Origin, Access-Control-Request-Headers, Access-Control-Request-Method",
    ];
    let expected = |own: &[&str]| common.iter().chain(own).map(|line| (*line).to_owned()).collect();
    assert_eq!(lines("*"), expected(&["access-control-allow-origin: *"]));
    assert_eq!(
        lines("https://*"),
        expected(&[
            "access-control-allow-origin: https://a.example",
            "access-control-allow-credentials: true"
        ])
    );
}

fn wildcard() -> impl Strategy<Value = Wildcard> {
    "[a-z:/.&<-]{0,8}[*]?[a-z.-]{0,8}".prop_map(|pattern| Wildcard::parse(&pattern).unwrap())
}

prop_compose! {
    fn any_rule()(
        id in prop::option::of("[ -~é]{0,20}"),
        allowed_headers in prop::collection::vec(wildcard(), 0..3),
        allowed_methods in prop::collection::vec(prop::sample::select(CorsMethod::ALL), 1..4),
        allowed_origins in prop::collection::vec(wildcard(), 1..3),
        expose_headers in prop::collection::vec("[a-z-]{1,12}", 0..3),
        max_age_seconds in prop::option::of(0_u32..=0x7fff_ffff),
    ) -> CorsRule {
        CorsRule { id, allowed_headers, allowed_methods, allowed_origins, expose_headers, max_age_seconds }
    }
}

proptest! {
    #[test]
    fn what_is_written_reads_back(rules in prop::collection::vec(any_rule(), 1..4)) {
        let configuration = CorsConfiguration { rules };
        prop_assert_eq!(CorsConfiguration::parse(configuration.to_xml().as_bytes()), Ok(configuration));
    }

    #[test]
    fn arbitrary_requests_never_panic(
        rules in prop::collection::vec(any_rule(), 1..4), origin in "[ -~]{0,20}", names in "[ -~]{0,40}",
    ) {
        let headers = [
            ("origin", origin.as_str()),
            ("access-control-request-method", "GET"),
            ("access-control-request-headers", &names),
        ];
        if let Ok(headers) = preflight(Some(&CorsConfiguration { rules }), &headers) {
            headers.insert_into(&mut HeaderMap::new());
        }
    }
}
