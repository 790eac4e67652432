//! From text to [`App`], with every mistake of the file.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_diag::{Finding, LineIndex, Severity};

use crate::app::App;
use crate::check;
use crate::derived;
use crate::draft::{Draft, Spots, join};
use crate::grammar;
use crate::overlay::{self, Layers};
use crate::suggest;
use crate::tree::{self, Node, Value};
use crate::walk::Walk;

/// A file of this size holds thousands of services; a larger one is a mistake.
const LARGEST: usize = 1 << 20;

/// Each environment is checked whole, so their number bounds the work.
const MOST_ENVIRONMENTS: usize = 16;

/// More findings than anybody reads in one go; the rest waits for the next run.
const MOST_FINDINGS: usize = 500;

/// Environments that need no overlay.
const KNOWN_ENVIRONMENTS: [&str; 3] = ["development", "staging", "production"];

/// What a file holds.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// The app of the wanted environment; none, when any finding is an error.
    pub app: Option<App>,
    /// Mistakes and warnings, in the order of the file; those of other environments too.
    pub findings: Vec<Finding>,
    /// How many of the findings the wanted environment has itself.
    pub found_here: usize,
    /// Names of the environments that the file has overlays for.
    pub environments: Vec<String>,
}

impl Parsed {
    fn of_findings(findings: Vec<Finding>) -> Self {
        Self {
            app: None,
            found_here: findings.len(),
            findings,
            environments: Vec::new(),
        }
    }
}

/// Reads `text`, which the user knows as `file`, as the app of `environment`; of none: without any overlay.
///
/// Every environment of the file is checked, whichever is wanted, so that one run tells all. Any text is answered.
pub fn parse(file: &str, text: &str, environment: Option<&str>) -> Parsed {
    if text.len() > LARGEST {
        let message = format!("the file has {} bytes, the most is {LARGEST}", text.len());
        return Parsed::of_findings(vec![Finding::error("P011", file, message)]);
    }
    let index = LineIndex::new(text);
    let (root, syntax) = tree::read(text);
    let is_broken = !syntax.is_empty();
    let layers = overlay::split(root);
    let wanted = environment.filter(|name| layers.overlays.contains_key(*name));
    let mut collected = Collected {
        file,
        index: &index,
        wanted,
        findings: Vec::new(),
        seen: BTreeSet::new(),
        seen_here: BTreeSet::new(),
    };
    let loose = Spots::default();
    for error in syntax {
        let message = syntax_message(&error.message);
        collected.take(
            Draft::error("P001", "", message).at_bytes(error.span),
            &loose,
            None,
        );
    }
    for draft in structure(&layers, environment) {
        collected.take(draft, &loose, None);
    }
    let mut app = judge(&layers.base, "", &mut collected, is_broken);
    for (name, overlay) in layers.overlays.iter().take(MOST_ENVIRONMENTS) {
        let merged = overlay::merge(&layers.base, overlay);
        let judged = judge(&merged, name, &mut collected, is_broken);
        if wanted == Some(name.as_str()) {
            app = judged;
        }
    }
    if let (Some(app), Some(name)) = (&mut app, environment) {
        name.clone_into(&mut app.environment);
    }
    let found_here = collected.seen_here.len();
    let findings = collected.sorted();
    let refused = findings
        .iter()
        .any(|finding| finding.severity == Severity::Error);
    Parsed {
        app: app.filter(|_| !refused),
        findings,
        found_here,
        environments: layers.overlays.into_keys().collect(),
    }
}

/// Names of the environments that a file has overlays for, whatever else is wrong with it.
pub fn environments(text: &str) -> Vec<String> {
    if text.len() > LARGEST {
        return Vec::new();
    }
    overlay::split(tree::read(text).0)
        .overlays
        .into_keys()
        .collect()
}

/// The app of one environment, checked.
fn judge(node: &Node, environment: &str, out: &mut Collected<'_>, is_broken: bool) -> Option<App> {
    let mut walk = Walk::default();
    let mut json = walk.root(grammar::root(), node);
    derived::complete(&mut walk, &mut json);
    let heard = (!environment.is_empty()).then_some(environment);
    // Where the syntax is broken, what is missing may only have been lost in reading.
    let drafts = walk
        .drafts
        .into_iter()
        .filter(|draft| !is_broken || !draft.is_about_absence());
    for draft in drafts {
        out.take(draft, &walk.spots, heard);
    }
    match serde_json::from_value::<App>(json) {
        Ok(mut app) => {
            environment.clone_into(&mut app.environment);
            for draft in check::run(&mut app, &walk.spots) {
                let is_lost = is_broken && draft.is_about_absence();
                if !is_lost && !draft.is_echo(&walk.spots) {
                    out.take(draft, &walk.spots, heard);
                }
            }
            Some(app)
        }
        Err(error) => {
            // The grammar lets something pass that the types refuse: our defect, and still no panic.
            let message = format!("the grammar and the app disagree: {error}");
            out.take(Draft::error("P000", "", message), &walk.spots, heard);
            None
        }
    }
}

/// What is wrong with `env` itself.
fn structure(layers: &Layers, environment: Option<&str>) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for (path, node) in &layers.misplaced {
        let message = format!(
            "`{path}` is {}, and an environment is a table",
            node.value.name()
        );
        let draft = Draft::error("P009", path, message).at_bytes(node.key.clone());
        drafts
            .push(draft.help("write `[env.NAME.service.backend]` and below it what differs there"));
    }
    let overlays = &layers.overlays;
    for (name, node) in overlays {
        drafts.extend(overlay_names(name, node));
    }
    if let Some((name, node)) = overlays.iter().nth(MOST_ENVIRONMENTS) {
        let message = format!("a file has at most {MOST_ENVIRONMENTS} environments");
        drafts.push(Draft::error("P012", &join("env", name), message).at_bytes(node.key.clone()));
    }
    let is_known = |name: &str| overlays.contains_key(name) || KNOWN_ENVIRONMENTS.contains(&name);
    if let Some(name) = environment.filter(|name| !is_known(name)) {
        drafts.push(unknown_environment(name, overlays));
    }
    drafts
}

fn overlay_names(name: &str, node: &Node) -> Vec<Draft> {
    let path = join("env", name);
    let mut drafts = Vec::new();
    if let Err(error) = grammar::Form::Slug.ensure(name) {
        let draft = Draft::error("P010", &path, error.message).at_bytes(node.key.clone());
        drafts.push(match error.suggestion {
            Some(better) => draft.replace(format!("call it `{better}`"), better),
            None => draft.help("call it by a plain word, as in `staging`"),
        });
    }
    if let Value::Table(entries) = &node.value {
        for key in ["plimsoll", "app", "env"] {
            if let Some(node) = entries.get(key) {
                let message = format!("`{key}` is the same in every environment");
                let draft =
                    Draft::error("P009", &join(&path, key), message).at_bytes(node.key.clone());
                drafts.push(draft.help("move it out of the environment, or remove it"));
            }
        }
    }
    drafts
}

fn unknown_environment(name: &str, overlays: &BTreeMap<String, Node>) -> Draft {
    let names = || {
        overlays
            .keys()
            .map(String::as_str)
            .chain(KNOWN_ENVIRONMENTS)
    };
    let message = format!("there is no environment `{}`", name.escape_debug());
    let draft = Draft::error("P009", "", message).at_bytes(0..0);
    match suggest::closest(name, names()) {
        Some(word) => draft.help(format!("did you mean `{word}`?")),
        None => draft.help(format!(
            "environments here are {}",
            suggest::listing(names())
        )),
    }
}

/// The parser's words, and for its most puzzling ones what a person does about it.
fn syntax_message(message: &str) -> String {
    message.trim().replace('\n', ", ")
}

/// What makes a finding the same one in two environments: its rule, its spot and its words.
type Identity = (String, Option<plimsoll_diag::Span>, String);

/// Findings, each once.
struct Collected<'a> {
    file: &'a str,
    index: &'a LineIndex<'a>,
    /// The overlay that was asked for; none asks for what stands outside of all.
    wanted: Option<&'a str>,
    findings: Vec<Finding>,
    seen: BTreeSet<Identity>,
    /// Those of the environment that was asked for.
    seen_here: BTreeSet<Identity>,
}

impl Collected<'_> {
    /// Keeps the finding, unless it was already found in another environment.
    fn take(&mut self, draft: Draft, spots: &Spots, environment: Option<&str>) {
        if self.findings.len() >= MOST_FINDINGS {
            return;
        }
        let mut finding = draft.finish(self.file, spots, self.index);
        let key = (finding.rule.clone(), finding.span, finding.message.clone());
        if environment == self.wanted {
            self.seen_here.insert(key.clone());
        }
        if self.seen.insert(key) {
            if let Some(name) = environment {
                finding = finding.note(format!("in the environment `{name}`"));
            }
            self.findings.push(finding);
        }
    }

    fn sorted(mut self) -> Vec<Finding> {
        self.findings
            .sort_by(|a, b| (a.span, &a.rule, &a.message).cmp(&(b.span, &b.rule, &b.message)));
        self.findings
    }
}
