//! What a registry asks for: the `WWW-Authenticate` header (RFC 9110, section 11.6.1).

/// One way to authenticate that the registry offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// `basic`, `bearer`: in lower case.
    pub scheme: String,
    /// In the order of the header, the names in lower case.
    pub parameters: Vec<(String, String)>,
}

impl Challenge {
    /// The value of the parameter, of the first where there are several.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// The challenges in a header. What cannot be understood ends the reading: what was read before counts.
pub fn parse(header: &str) -> Vec<Challenge> {
    let mut rest = Rest(header);
    let mut challenges: Vec<Challenge> = Vec::new();
    loop {
        rest.skip(|byte| byte == b',' || is_space(byte));
        let Some(name) = rest.token() else {
            return challenges;
        };
        rest.skip(is_space);
        if !rest.take(b'=') {
            challenges.push(Challenge {
                scheme: name.to_ascii_lowercase(),
                parameters: Vec::new(),
            });
            rest.skip_token68();
            continue;
        }
        // `name = value` belongs to the challenge before; a name alone begins another.
        let (Some(value), Some(challenge)) = (rest.value(), challenges.last_mut()) else {
            return challenges;
        };
        challenge
            .parameters
            .push((name.to_ascii_lowercase(), value));
    }
}

fn is_space(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// What is still unread of the header.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    /// Takes bytes while they fit. All tests are of ASCII, so that the cut never falls into a character.
    fn while_(&mut self, fits: impl Fn(u8) -> bool) -> &'a str {
        let length = self
            .0
            .bytes()
            .take_while(|byte| byte.is_ascii() && fits(*byte))
            .count();
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    fn skip(&mut self, fits: impl Fn(u8) -> bool) {
        self.while_(fits);
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.0.as_bytes().first() == Some(&byte);
        if found {
            self.0 = &self.0[1..];
        }
        found
    }

    fn token(&mut self) -> Option<&'a str> {
        let token = self.while_(is_token);
        (!token.is_empty()).then_some(token)
    }

    /// A token or a quoted string after `=`.
    fn value(&mut self) -> Option<String> {
        self.skip(is_space);
        if !self.take(b'"') {
            return self.token().map(str::to_owned);
        }
        let mut value = String::new();
        let mut characters = self.0.char_indices();
        while let Some((index, character)) = characters.next() {
            match character {
                '"' => {
                    self.0 = &self.0[index + 1..];
                    return Some(value);
                }
                '\\' => value.push(characters.next()?.1),
                other => value.push(other),
            }
        }
        None
    }

    /// What `Negotiate` and the like have in place of parameters.
    fn skip_token68(&mut self) {
        let before = self.0;
        self.skip(is_space);
        self.skip(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte));
        self.skip(|byte| byte == b'=');
        self.skip(is_space);
        if !(self.0.is_empty() || self.0.starts_with(',')) {
            self.0 = before;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(header: &str) -> String {
        let show = |challenge: Challenge| {
            let parameters: Vec<_> = challenge
                .parameters
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            format!("{}({})", challenge.scheme, parameters.join("|"))
        };
        parse(header)
            .into_iter()
            .map(show)
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn challenges_of_real_registries_are_understood() {
        for (header, expected) in [
            (
                r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#,
                "bearer(realm=https://auth.docker.io/token|service=registry.docker.io|scope=repository:a/b:pull,push)",
            ),
            (
                r#"Basic realm="Registry Realm""#,
                "basic(realm=Registry Realm)",
            ),
            (
                r#"Basic realm="a, b=c", Bearer realm = "x\"y" , scope=z"#,
                "basic(realm=a, b=c) bearer(realm=x\"y|scope=z)",
            ),
            ("Negotiate, Basic realm=x", "negotiate() basic(realm=x)"),
            (
                "Negotiate YWJj==, Basic realm=x",
                "negotiate() basic(realm=x)",
            ),
            ("Basic", "basic()"),
            (", ,Basic realm=x,", "basic(realm=x)"),
        ] {
            assert_eq!(shown(header), expected, "{header}");
        }
    }

    #[test]
    fn what_is_broken_ends_the_reading_and_harms_nothing() {
        for (header, expected) in [
            ("", ""),
            ("realm=x", ""),
            (r#"Basic realm="never closed"#, "basic()"),
            ("Basic realm=x; Bearer", "basic(realm=x)"),
            ("Ünicode", ""),
        ] {
            assert_eq!(shown(header), expected, "{header}");
        }
    }
}
