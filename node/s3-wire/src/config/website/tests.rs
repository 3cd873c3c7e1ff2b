//! Web sites are read with the checks of AWS, and send requests where they should.

use proptest::prelude::*;

use super::*;
use crate::error::ErrorCode;

const INDEX: &str = "<IndexDocument><Suffix>index.html</Suffix></IndexDocument>";

fn read(content: &str) -> Result<WebsiteConfiguration, (ErrorCode, String)> {
    WebsiteConfiguration::parse(format!("<{ROOT}>{content}</{ROOT}>").as_bytes())
        .map_err(|error| (error.code, error.message.into_owned()))
}

fn routing(rules: &str) -> String {
    format!("{INDEX}<ErrorDocument><Key>error.html</Key></ErrorDocument><RoutingRules>{rules}</RoutingRules>")
}

fn rule(condition: &str, redirect: &str) -> String {
    format!("<RoutingRule>{condition}<Redirect>{redirect}</Redirect></RoutingRule>")
}

#[test]
fn documents_with_faults_are_refused() {
    use ErrorCode::{InvalidArgument, InvalidRequest, MalformedXml};
    let all = "<RedirectAllRequestsTo><HostName>h</HostName></RedirectAllRequestsTo>";
    let host = "<HostName>h</HostName>";
    for (content, code) in [
        ("".to_owned(), InvalidArgument),
        ("<IndexDocument><Suffix/></IndexDocument>".into(), InvalidArgument),
        ("<IndexDocument><Suffix>a/b</Suffix></IndexDocument>".into(), InvalidArgument),
        (format!("{INDEX}<ErrorDocument><Key/></ErrorDocument>"), InvalidArgument),
        ("<ErrorDocument><Key>e</Key></ErrorDocument>".into(), InvalidArgument),
        ("<IndexDocument/>".into(), MalformedXml),
        (format!("{all}{INDEX}"), MalformedXml),
        ("<RedirectAllRequestsTo/>".into(), MalformedXml),
        ("<RedirectAllRequestsTo><HostName>a b</HostName></RedirectAllRequestsTo>".into(), MalformedXml),
        (
            "<RedirectAllRequestsTo><HostName>h</HostName><Protocol>ftp</Protocol></RedirectAllRequestsTo>"
                .into(),
            InvalidRequest,
        ),
        (routing("<Rule/>"), MalformedXml),
        (routing("<RoutingRule/>"), MalformedXml),
        (routing(&rule("", "")), MalformedXml),
        (routing(&rule("<Condition/>", host)), InvalidRequest),
        (
            routing(&rule(
                "<Condition><HttpErrorCodeReturnedEquals>200</HttpErrorCodeReturnedEquals></Condition>",
                host,
            )),
            InvalidRequest,
        ),
        (routing(&rule("", "<HttpRedirectCode>300</HttpRedirectCode>")), InvalidRequest),
        (routing(&rule("", "<HttpRedirectCode>+301</HttpRedirectCode>")), InvalidRequest),
        (
            routing(&rule(
                "",
                "<ReplaceKeyWith>a</ReplaceKeyWith><ReplaceKeyPrefixWith>b</ReplaceKeyPrefixWith>",
            )),
            InvalidRequest,
        ),
        (routing(&rule("", host).repeat(51)), InvalidRequest),
    ] {
        assert_eq!(read(&content).map_err(|error| error.0), Err(code), "{content}");
    }
    assert!(read(&routing(&rule("", host).repeat(50))).is_ok());
}

fn request(key: &str) -> WebsiteRequest<'_> {
    WebsiteRequest { protocol: Protocol::Http, host: "site:80", key }
}

fn serve(key: &str) -> WebsiteAnswer {
    WebsiteAnswer::Serve { key: key.to_owned() }
}

fn to(status: u16, location: &str) -> WebsiteAnswer {
    WebsiteAnswer::Redirect { status, location: location.to_owned() }
}

#[test]
fn folders_have_an_index() {
    let site = read(INDEX).unwrap();
    for (key, served) in [("", "index.html"), ("a/", "a/index.html"), ("a", "a"), ("a/b.txt", "a/b.txt")] {
        assert_eq!(site.answer(&request(key)), serve(served), "{key}");
    }
    assert_eq!(site.folder_index("a").as_deref(), Some("a/index.html"));
    assert_eq!(site.folder_index("a/"), None);
    assert_eq!(site.folder_index(""), None);
    assert_eq!(WebsiteConfiguration::folder_redirect(&request("a b")), to(302, "/a%20b/"));
    assert_eq!(WebsiteConfiguration::folder_redirect(&request("/evil/a")), to(302, "/%2Fevil/a/"));
    assert_eq!(site.answer_error(&request("a"), 404), WebsiteAnswer::Error);
}

#[test]
fn all_requests_can_go_elsewhere() {
    let all = |protocol: &str| {
        read(&format!("<RedirectAllRequestsTo><HostName>h</HostName>{protocol}</RedirectAllRequestsTo>"))
            .unwrap()
    };
    assert_eq!(all("").answer(&request("a\r\nb")), to(301, "http://h/a%0D%0Ab"));
    assert_eq!(all("<Protocol>https</Protocol>").answer(&request("")), to(301, "https://h/"));
}

#[test]
fn rules_send_keys_and_errors_elsewhere() {
    let on = |condition: &str| format!("<Condition>{condition}</Condition>");
    let prefix = |prefix: &str| format!("<KeyPrefixEquals>{prefix}</KeyPrefixEquals>");
    let error = "<HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals>";
    let rules = [
        rule(&on(&prefix("docs/")), "<ReplaceKeyPrefixWith>documents/</ReplaceKeyPrefixWith>"),
        rule(
            &on(&prefix("one")),
            "<ReplaceKeyWith>two</ReplaceKeyWith><HttpRedirectCode>307</HttpRedirectCode>",
        ),
        rule(
            &on(&(error.to_owned() + &prefix("img/"))),
            "<HostName>h</HostName><Protocol>https</Protocol><ReplaceKeyPrefixWith>404/</ReplaceKeyPrefixWith>",
        ),
    ];
    let site = read(&routing(&rules.concat())).unwrap();
    assert_eq!(site.answer(&request("docs/a b")), to(301, "http://site:80/documents/a%20b"));
    assert_eq!(site.answer(&request("one/x")), to(307, "http://site:80/two"));
    assert_eq!(site.answer(&request("img/a")), serve("img/a"));
    assert_eq!(site.answer_error(&request("img/a"), 404), to(301, "https://h/404/a"));
    let page = WebsiteAnswer::ErrorPage { key: "error.html".into() };
    assert_eq!(site.answer_error(&request("img/a"), 403), page);
    assert_eq!(site.answer_error(&request("docs/a"), 404), page);
    assert_eq!(site.answer_error(&request("img/a"), 503), WebsiteAnswer::Error);
    let always = read(&routing(&rule("", "<ReplaceKeyPrefixWith>new/</ReplaceKeyPrefixWith>"))).unwrap();
    assert_eq!(always.answer(&request("a")), to(301, "http://site:80/new/a"));
}

prop_compose! {
    fn any_rule()(
        key_prefix in prop::option::of("[ -~]{0,8}"), error_status in prop::option::of(400_u16..600),
        host_name in prop::option::of("[a-z.:]{1,8}"), status in 301_u16..400,
        protocol in prop::option::of(prop::sample::select(Protocol::ALL)),
        key in prop::option::of((any::<bool>(), "[ -~]{0,8}")),
    ) -> RoutingRule {
        let condition = Condition { key_prefix, error_status };
        let key = key.map(|(whole, key)| {
            if whole { KeyReplacement::Whole(key) } else { KeyReplacement::Prefix(key) }
        });
        RoutingRule {
            condition: Some(condition).filter(|condition| *condition != Condition::default()),
            redirect: Redirect { host_name, status: Some(status), protocol, key },
        }
    }
}

fn any_site() -> impl Strategy<Value = WebsiteConfiguration> {
    prop_oneof![
        ("[a-z.]{1,8}", prop::option::of(prop::sample::select(Protocol::ALL))).prop_map(
            |(host_name, protocol)| {
                WebsiteConfiguration::RedirectAll(RedirectAll { host_name, protocol })
            }
        ),
        ("[a-z&<. ]{1,8}", prop::option::of("[ -~]{1,8}"), prop::collection::vec(any_rule(), 0..4)).prop_map(
            |(index_suffix, error_key, routing_rules)| {
                WebsiteConfiguration::Pages(Pages { index_suffix, error_key, routing_rules })
            }
        ),
    ]
}

proptest! {
    #[test]
    fn what_is_written_reads_back_and_sends_to_what_a_header_can_hold(
        site in any_site(), key in ".{0,12}", status in 400_u16..600,
    ) {
        for answer in [site.answer(&request(&key)), site.answer_error(&request(&key), status)] {
            if let WebsiteAnswer::Redirect { location, .. } = answer {
                prop_assert!(http::HeaderValue::from_str(&location).is_ok());
            }
        }
        prop_assert_eq!(WebsiteConfiguration::parse(site.to_xml().as_bytes()), Ok(site));
    }
}
