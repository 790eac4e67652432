//! Did you mean …?

use crate::tree::Value;

/// Longer words are not compared: the distance costs the product of both lengths.
const LONGEST: usize = 64;

/// The candidate that `word` is most likely a slip of.
pub(crate) fn closest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    if word.len() > LONGEST {
        return None;
    }
    let plain = normal(word);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST)
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&plain, &normal(candidate)),
                candidate,
            )
        })
        .filter(|(distance, candidate)| *distance <= allowed(plain.len().max(candidate.len())))
        .min_by_key(|(distance, candidate)| (*distance, *candidate))
        .map(|(_, candidate)| candidate)
}

/// Whether `name` is so close to `word` that its value is read as that of `word`, and what is wrong with it told too.
pub(crate) fn is_surely(name: &str, word: &str, value: &Value) -> bool {
    let distance = strsim::damerau_levenshtein(&normal(name), &normal(word));
    // Of a plural only a table has the shape of its singular; a list there comes from another tool.
    let is_plural = name.strip_suffix('s') == Some(word);
    distance <= 1.max(word.len() / 4) && (!is_plural || matches!(value, Value::Table(_)))
}

/// One slip in short words, and one more for each three letters.
fn allowed(letters: usize) -> usize {
    if letters < 3 { 1 } else { letters.div_ceil(3) }
}

/// `warmUp`, `warm-up` and `warm_up` are the same word to a person.
fn normal(word: &str) -> String {
    word.chars()
        .filter(|c| !matches!(c, '-' | '_' | ' '))
        .flat_map(char::to_lowercase)
        .collect()
}

/// `a`, `b` and `c`, shortened to what fits a line.
pub(crate) fn listing<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    // Sixteen names are what one still reads.
    const MOST: usize = 16;
    let words: Vec<&str> = words.into_iter().collect();
    let shown = words
        .iter()
        .take(MOST)
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ");
    if words.len() > MOST {
        format!("{shown}, and {} more", words.len() - MOST)
    } else {
        shown
    }
}

/// Keys of other tools, and what they are called here.
#[expect(clippy::too_many_lines, reason = "a table of words")]
pub(crate) fn familiar(table: &str, key: &str) -> Option<&'static str> {
    let known: &[(&str, &str)] = match table {
        "service" => &[
            ("replicas", "how many is `scale = { min = 3, max = 15 }`"),
            ("instances", "how many is `scale = { min = 3, max = 15 }`"),
            (
                "deploy",
                "how many is `scale`, how large `cpu` and `memory`, how replaced `[rollout]`",
            ),
            ("environment", "variables are `env = { NAME = \"value\" }`"),
            ("env_file", "variables are `env`, secrets are `secrets`"),
            (
                "depends_on",
                "what has to be there first is `[service.NAME.needs]`",
            ),
            (
                "links",
                "what has to be there first is `[service.NAME.needs]`",
            ),
            ("healthcheck", "probes are `[service.NAME.health]`"),
            ("probes", "probes are `[service.NAME.health]`"),
            ("livenessProbe", "probes are `[service.NAME.health]`"),
            ("readinessProbe", "probes are `[service.NAME.health]`"),
            ("command", "the program is `run = [\"/app/NAME\"]`"),
            ("cmd", "the program is `run = [\"/app/NAME\"]`"),
            ("entrypoint", "the program is `run = [\"/app/NAME\"]`"),
            (
                "volumes",
                "folders that outlive a replica are `[service.NAME.volume.NAME]`",
            ),
            (
                "resources",
                "how large is `cpu = { … }` and `memory = { … }`",
            ),
            (
                "restart",
                "a replica that ends is always started again, with growing pauses",
            ),
            (
                "expose",
                "ports are `port = { http = 2000 }`, what is public is `[route.NAME]`",
            ),
            ("hosts", "hosts belong to `[route.NAME]`"),
            (
                "route",
                "routes are `[route.NAME]`, with `to = \"SERVICE:http\"`",
            ),
        ],
        "route" => &[
            ("service", "where requests go is `to = \"SERVICE:http\"`"),
            ("backend", "where requests go is `to = \"SERVICE:http\"`"),
            ("target", "where requests go is `to = \"SERVICE:http\"`"),
            (
                "rate_limit",
                "the limit is `limit = \"NAME\"`, and `[limit.NAME]` says how much",
            ),
            ("domain", "hosts are `hosts = [\"app.example.com\"]`"),
            ("websocket", "WebSocket is `upgrade = true`"),
            ("max_body_size", "the largest body is `body = \"50MiB\"`"),
        ],
        "probe" => &[
            ("path", "the path is `get = \"/readyz\"`"),
            ("httpGet", "the path is `get = \"/readyz\"`"),
            (
                "test",
                "probes ask from outside: `get = \"/readyz\"`, never a command inside",
            ),
            (
                "exec",
                "probes ask from outside: `get = \"/readyz\"`, never a command inside",
            ),
            (
                "interval",
                "the time between two questions is `every = \"2s\"`",
            ),
            (
                "periodSeconds",
                "the time between two questions is `every = \"2s\"`",
            ),
            (
                "timeoutSeconds",
                "the time for one answer is `timeout = \"1s\"`",
            ),
            ("failureThreshold", "failures in a row are `fail = 2`"),
            ("successThreshold", "successes in a row are `pass = 1`"),
            ("retries", "failures in a row are `fail = 2`"),
            (
                "initialDelaySeconds",
                "the time for the start is `startup = { within = \"60s\" }`",
            ),
        ],
        "scale" => &[
            ("minReplicas", "at least is `min = 3`"),
            ("maxReplicas", "at most is `max = 15`"),
            ("replicas", "at least is `min = 3`, at most `max = 15`"),
        ],
        "" => &[
            ("services", "a service is `[service.NAME]`"),
            (
                "databases",
                "a database is `[resource.NAME]` with `kind = \"postgres\"`",
            ),
            (
                "database",
                "a database is `[resource.NAME]` with `kind = \"postgres\"`",
            ),
            (
                "volumes",
                "folders that outlive a replica are `[service.NAME.volume.NAME]`",
            ),
            (
                "networks",
                "who reaches whom follows from `needs`, `egress` and routes",
            ),
            (
                "ingress",
                "what is public is `[route.NAME]`; the cluster's class is `kubernetes.ingress`",
            ),
            (
                "cron",
                "what runs at times is `[job.NAME]` with `at = \"0 3 * * *\"`",
            ),
            ("name", "the name belongs into `[app]`"),
            ("owner", "the owner belongs into `[app]`"),
            ("environment", "an environment is `[env.NAME.…]`"),
            (
                "version",
                "the grammar's version is `plimsoll = 1`; that of the app belongs into `[app]`",
            ),
        ],
        _ => &[],
    };
    known
        .iter()
        .find(|(name, _)| *name == key)
        .map(|(_, help)| *help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_find_their_word_and_strangers_find_none() {
        let words = ["readiness", "liveness", "startup", "to", "warm_up"];
        assert_eq!(closest("readynes", words), Some("readiness"));
        assert_eq!(closest("warmUp", words), Some("warm_up"));
        assert_eq!(closest("livenss", words), Some("liveness"));
        assert_eq!(closest("volumes", words), None);
    }

    #[test]
    fn a_word_of_any_length_is_answered_at_once() {
        assert_eq!(closest(&"a".repeat(1 << 20), ["startup"]), None);
    }
}
