//! What a web site answers to a request.

use crate::config::website::{Pages, Protocol, RoutingRule, WebsiteConfiguration};
use crate::uri::encode;

/// The status of a redirect that names none.
const MOVED_PERMANENTLY: u16 = 301;
/// The status of the redirect to a folder.
const FOUND: u16 = 302;

/// A request to a web site.
#[derive(Clone, Copy, Debug)]
pub struct WebsiteRequest<'a> {
    /// How it came.
    pub protocol: Protocol,
    /// The host it came to, with the port if there was one.
    pub host: &'a str,
    /// The key it names, without the leading `/`; may be empty.
    pub key: &'a str,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebsiteAnswer {
    /// Serve this object.
    Serve {
        /// Its key.
        key: String,
    },
    /// Send the browser elsewhere.
    Redirect {
        /// The status, 301 to 399.
        status: u16,
        /// The URL, without characters that a header cannot have.
        location: String,
    },
    /// Serve this object with the status of the error, which stays.
    ErrorPage {
        /// Its key. If there is none, the answer is the error of the request.
        key: String,
    },
    /// Answer the error as it is.
    Error,
}

impl WebsiteConfiguration {
    /// What to do with a request.
    pub fn answer(&self, request: &WebsiteRequest<'_>) -> WebsiteAnswer {
        match self {
            Self::RedirectAll(all) => WebsiteAnswer::Redirect {
                status: MOVED_PERMANENTLY,
                location: url(all.protocol.unwrap_or(request.protocol), &all.host_name, request.key),
            },
            Self::Pages(pages) => pages
                .route(request, None)
                .unwrap_or_else(|| WebsiteAnswer::Serve { key: pages.index(request.key) }),
        }
    }

    /// What to do after that ended in an error of this status, 400 to 599. The key of the request
    /// is the one it named, without what was put behind it.
    pub fn answer_error(&self, request: &WebsiteRequest<'_>, status: u16) -> WebsiteAnswer {
        let Self::Pages(pages) = self else { return WebsiteAnswer::Error };
        if let Some(redirect) = pages.route(request, Some(status)) {
            return redirect;
        }
        match &pages.error_key {
            Some(key) if (400..500).contains(&status) => WebsiteAnswer::ErrorPage { key: key.clone() },
            _ => WebsiteAnswer::Error,
        }
    }

    /// The index of the folder that a key would be, to look for when there is no such object:
    /// if there is one, [`Self::folder_redirect`] is the answer. `None` if it names a folder already.
    pub fn folder_index(&self, key: &str) -> Option<String> {
        match self {
            Self::Pages(pages) if !key.is_empty() && !key.ends_with('/') => {
                Some(format!("{key}/{}", pages.index_suffix))
            }
            _ => None,
        }
    }

    /// The redirect of a request from a folder to the same with `/` at its end.
    pub fn folder_redirect(request: &WebsiteRequest<'_>) -> WebsiteAnswer {
        let path = encode(request.key.as_bytes(), true);
        // After two slashes a browser would look for a host.
        let location = match path.strip_prefix('/') {
            Some(rest) => format!("/%2F{rest}/"),
            None => format!("/{path}/"),
        };
        WebsiteAnswer::Redirect { status: FOUND, location }
    }
}

impl Pages {
    fn index(&self, key: &str) -> String {
        if key.is_empty() || key.ends_with('/') {
            format!("{key}{}", self.index_suffix)
        } else {
            key.to_owned()
        }
    }

    fn route(&self, request: &WebsiteRequest<'_>, error_status: Option<u16>) -> Option<WebsiteAnswer> {
        let rule = self.routing_rules.iter().find(|rule| rule.fits(request.key, error_status))?;
        Some(redirect(rule, request))
    }
}

fn redirect(rule: &RoutingRule, request: &WebsiteRequest<'_>) -> WebsiteAnswer {
    let to = &rule.redirect;
    WebsiteAnswer::Redirect {
        status: to.status.unwrap_or(MOVED_PERMANENTLY),
        location: url(
            to.protocol.unwrap_or(request.protocol),
            to.host_name.as_deref().unwrap_or(request.host),
            &rule.replace_key(request.key),
        ),
    }
}

fn url(protocol: Protocol, host: &str, key: &str) -> String {
    format!("{}://{host}/{}", protocol.as_str(), encode(key.as_bytes(), true))
}
