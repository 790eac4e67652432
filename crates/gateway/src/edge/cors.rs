//! Cross-origin rules: preflights are answered here, and the headers of all other answers are set here.

use http::{HeaderMap, HeaderValue, Method, header};
use plimsoll_bundle::local::CorsSpec;

use super::headers::{add_vary, number};

/// A route's rules, as header values.
#[derive(Debug)]
pub(crate) struct Cors {
    origins: Vec<HeaderValue>,
    any: bool,
    methods: HeaderValue,
    headers: Option<HeaderValue>,
    expose: Option<HeaderValue>,
    credentials: bool,
    max_age: HeaderValue,
}

impl Cors {
    /// Compiles the rules; an error names what cannot be a header value. `*` as an origin counts only without
    /// credentials: browsers refuse the two together, and reflecting every origin would be worse.
    pub(crate) fn try_new(spec: &CorsSpec) -> Result<Self, header::InvalidHeaderValue> {
        let list = |words: &[String]| {
            let value = HeaderValue::try_from(words.join(", "))?;
            Ok((!value.is_empty()).then_some(value))
        };
        let origins: Result<Vec<_>, _> = spec.origins.iter().map(HeaderValue::try_from).collect();
        let methods = list(&spec.methods)?;
        Ok(Self {
            origins: origins?,
            any: !spec.credentials && spec.origins.iter().any(|origin| origin == "*"),
            methods: methods.unwrap_or(HeaderValue::from_static("GET, HEAD, POST")),
            headers: list(&spec.headers)?,
            expose: list(&spec.expose)?,
            credentials: spec.credentials,
            max_age: number(spec.max_age_s),
        })
    }

    fn allowed_origin(&self, request: &HeaderMap) -> Option<HeaderValue> {
        let origin = request.get(header::ORIGIN)?;
        if self.any {
            return Some(HeaderValue::from_static("*"));
        }
        self.origins
            .iter()
            .find(|allowed| *allowed == origin)
            .cloned()
    }

    /// Sets the headers of an answer that is no answer to a preflight.
    pub(crate) fn set(&self, origin: Option<&HeaderValue>, response: &mut HeaderMap) {
        add_vary(response, "origin");
        let Some(origin) = origin else { return };
        response.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        if self.credentials {
            let yes = HeaderValue::from_static("true");
            response.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
        }
        if let Some(expose) = &self.expose {
            response.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, expose.clone());
        }
    }

    /// The origin to name in the answer, where it is allowed. (Taken before the request is sent on.)
    pub(crate) fn origin(&self, request: &HeaderMap) -> Option<HeaderValue> {
        self.allowed_origin(request)
    }

    /// Sets the headers of the answer to a preflight; `false` when the origin is not allowed.
    pub(crate) fn preflight(&self, request: &HeaderMap, response: &mut HeaderMap) -> bool {
        let origin = self.allowed_origin(request);
        self.set(origin.as_ref(), response);
        if origin.is_none() {
            return false;
        }
        response.insert(header::ACCESS_CONTROL_ALLOW_METHODS, self.methods.clone());
        if let Some(headers) = &self.headers {
            response.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, headers.clone());
        }
        response.insert(header::ACCESS_CONTROL_MAX_AGE, self.max_age.clone());
        true
    }
}

/// Whether a request is a preflight.
pub(crate) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(origins: &[&str], credentials: bool) -> Cors {
        Cors::try_new(&CorsSpec {
            origins: origins.iter().map(|origin| (*origin).to_owned()).collect(),
            methods: vec!["GET".into(), "PUT".into()],
            headers: vec!["content-type".into()],
            expose: vec!["x-request-id".into()],
            credentials,
            max_age_s: 600,
        })
        .unwrap()
    }

    fn preflight(cors: &Cors, origin: &'static str) -> (bool, HeaderMap) {
        let mut request = HeaderMap::new();
        request.insert("origin", HeaderValue::from_static(origin));
        let mut response = HeaderMap::new();
        response.insert(
            "access-control-allow-origin",
            HeaderValue::from_static("https://evil.test"),
        );
        let allowed = cors.preflight(&request, &mut response);
        (allowed, response)
    }

    #[test]
    fn an_allowed_origin_is_told_everything_and_headers_are_set_not_added() {
        let (allowed, headers) = preflight(&cors(&["https://a.test"], true), "https://a.test");
        assert!(allowed);
        let all = headers.get_all("access-control-allow-origin");
        assert_eq!(all.iter().collect::<Vec<_>>(), ["https://a.test"]);
        assert_eq!(headers["access-control-allow-methods"], "GET, PUT");
        assert_eq!(headers["access-control-allow-credentials"], "true");
        assert_eq!(headers["access-control-max-age"], "600");
        assert_eq!(headers["vary"], "origin");
    }

    #[test]
    fn other_origins_are_told_nothing() {
        for origin in [
            "https://b.test",
            "http://a.test",
            "https://a.test.evil.test",
            "null",
        ] {
            let (allowed, headers) = preflight(&cors(&["https://a.test"], true), origin);
            assert!(!allowed, "{origin}");
            assert!(!headers.contains_key("access-control-allow-methods"));
        }
    }

    #[test]
    fn a_star_counts_without_credentials_only() {
        assert!(preflight(&cors(&["*"], false), "https://x.test").0);
        assert!(!preflight(&cors(&["*"], true), "https://x.test").0);
    }
}
