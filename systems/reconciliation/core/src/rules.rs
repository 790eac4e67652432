//! The language of rules: a rule set is a list of passes, and a pass says which rows may be a match and what
//! becomes of them.
//!
//! A rule set is a document. [`RuleSet::validate`] finds every mistake in it at once; the engine refuses a set
//! that has any,
//! and that includes a kind of pass or of comparison that this version cannot run: nothing is skipped in silence.

mod filter;
mod validate;

use serde::{Deserialize, Serialize};

pub use filter::{Filter, TextTest};
pub use validate::{RuleError, RuleProblem};

use crate::normalise::Normaliser;
use crate::txn::TextField;

/// Ordered passes. A row that one pass has claimed is not seen by the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSet {
    /// What people call it.
    pub name: String,
    /// Rises with each change; a set is immutable once a run has used it.
    pub version: u32,
    /// The passes, in the order in which they run.
    pub passes: Vec<Pass>,
}

/// One pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pass {
    /// Unique in its set.
    pub name: String,
    /// How many rows of each side make a match.
    pub kind: PassKind,
    /// A disabled pass does not run.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Which left rows take part; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter_left: Option<Filter>,
    /// Which right rows take part; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter_right: Option<Filter>,
    /// Fields that must be equal after normalising. The currency always must be. A row whose key text is empty takes no
    /// part: two missing references are not the same reference.
    #[serde(default)]
    pub block: Vec<BlockKey>,
    /// What else must hold for two rows of a block.
    #[serde(default)]
    pub compare: Vec<Comparator>,
    /// What a match of this pass becomes when nothing stands against it.
    pub outcome: MatchOutcome,
    /// What happens when another candidate could take its place.
    #[serde(default)]
    pub on_ambiguity: OnAmbiguity,
    /// What becomes of a difference between the sides.
    #[serde(default)]
    pub variance: Variance,
}

/// How many rows of each side make a match of a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PassKind {
    /// One row with one row.
    OneToOne,
    /// One left row with several right rows.
    OneToMany,
    /// Several left rows with one right row.
    ManyToOne,
    /// Several with several.
    ManyToMany,
    /// One row with one row, by likeness.
    Fuzzy,
    /// What remains becomes an adjustment.
    Adjustment,
}

impl PassKind {
    /// The name in rule documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::OneToOne => "one_to_one",
            Self::OneToMany => "one_to_many",
            Self::ManyToOne => "many_to_one",
            Self::ManyToMany => "many_to_many",
            Self::Fuzzy => "fuzzy",
            Self::Adjustment => "adjustment",
        }
    }
}

/// A field of a transaction that rules can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// The source's own id.
    ExtId,
    /// Invoice number or the like.
    Reference,
    /// The other party.
    Counterparty,
    /// Free text.
    Description,
    /// Transaction code or account.
    Kind,
    /// Currency.
    Ccy,
    /// Amount in minor units, with its sign.
    Amount,
    /// When it was booked.
    BookingDate,
    /// When it took effect.
    ValueDate,
}

impl Field {
    /// The text behind the field, if it is one.
    pub fn text(self) -> Option<TextField> {
        match self {
            Self::ExtId => Some(TextField::ExtId),
            Self::Reference => Some(TextField::Reference),
            Self::Counterparty => Some(TextField::Counterparty),
            Self::Description => Some(TextField::Description),
            Self::Kind => Some(TextField::Kind),
            Self::Ccy | Self::Amount | Self::BookingDate | Self::ValueDate => None,
        }
    }

    /// The name in rule documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::ExtId => "ext_id",
            Self::Reference => "reference",
            Self::Counterparty => "counterparty",
            Self::Description => "description",
            Self::Kind => "kind",
            Self::Ccy => "ccy",
            Self::Amount => "amount",
            Self::BookingDate => "booking_date",
            Self::ValueDate => "value_date",
        }
    }
}

/// A pair of fields, one of each side, that must be equal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockKey {
    /// The field of the left row, and of the right row unless `right_field` says otherwise.
    pub field: Field,
    /// The field of the right row where it has another name there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub right_field: Option<Field>,
    /// What is done to both texts first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub norm: Vec<Normaliser>,
}

impl BlockKey {
    /// The field of the right row.
    pub fn right(&self) -> Field {
        self.right_field.unwrap_or(self.field)
    }
}

/// What must hold for two rows to be candidates of each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Comparator {
    /// Two fields are equal; missing on both sides counts as equal.
    Exact(BlockKey),
    /// The amounts differ by at most the larger of the two limits.
    AmountTol(AmountTolerance),
    /// The booking dates lie close together.
    DateWindow(DateWindow),
    /// Two texts are alike.
    Text(TextLikeness),
    /// One text holds the other.
    Contains(BlockKey),
    /// A part of one text, cut out by a pattern, is equal to the other.
    RegexCapture(RegexCapture),
}

impl Comparator {
    /// The name in rule documents.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Exact(_) => "exact",
            Self::AmountTol(_) => "amount_tol",
            Self::DateWindow(_) => "date_window",
            Self::Text(_) => "text",
            Self::Contains(_) => "contains",
            Self::RegexCapture(_) => "regex_capture",
        }
    }
}

/// How far two amounts may lie apart: the larger of both limits counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AmountTolerance {
    /// Minor units.
    #[serde(default)]
    pub abs_minor: u64,
    /// Hundredths of a percent of the larger amount, rounded down to minor units.
    #[serde(default)]
    pub pct_bp: u32,
}

/// How far the booking date of the right row may lie from that of the left row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DateWindow {
    /// Days that the right row may be earlier.
    pub before: u16,
    /// Days that the right row may be later.
    pub after: u16,
    /// What counts as a day.
    #[serde(default)]
    pub calendar: Calendar,
}

/// What counts as a day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Calendar {
    /// Every day.
    #[default]
    Calendar,
    /// Monday to Friday; a weekend day counts as the Monday after it.
    Business,
}

/// Likeness of two texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextLikeness {
    /// The fields.
    pub fields: BlockKey,
    /// How likeness is measured.
    pub metric: TextMetric,
    /// The least likeness, in percent.
    pub min_pct: u8,
}

/// Measures of likeness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextMetric {
    /// Jaro-Winkler.
    JaroWinkler,
    /// Words in common.
    TokenSet,
    /// Levenshtein distance over the length.
    LevNorm,
}

/// A part of the left text, cut out by a pattern, against the right text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegexCapture {
    /// The fields.
    pub fields: BlockKey,
    /// The pattern; its first group is the part.
    pub pattern: String,
}

/// What a match becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchOutcome {
    /// Settled without a person.
    Confirmed,
    /// Waits for a person.
    Suggested,
}

/// What happens to a match when one of its rows has another candidate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnAmbiguity {
    /// The best assignment is suggested, never confirmed.
    #[default]
    Suggest,
    /// No match: its rows stay for later passes.
    Skip,
    /// Only a rival whose score comes within the margin counts; then as `suggest`.
    BestWithMargin {
        /// In hundredths of the score.
        margin_pct: u8,
    },
}

/// What becomes of a difference between the sides of a match.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Variance {
    /// It is recorded on the match.
    #[default]
    None,
    /// It is proposed as an adjustment; a pair with a larger difference is no candidate.
    Adjustment {
        /// The account that takes the difference.
        account: String,
        /// Minor units.
        max_minor: u64,
    },
}

fn yes() -> bool {
    true
}

impl RuleSet {
    /// The rule set that ships with the product (`data/rules/bank_default.json`).
    ///
    /// # Panics
    /// Never: a test parses and validates the file.
    pub fn bank_default() -> Self {
        const DOCUMENT: &str = include_str!("../../data/rules/bank_default.json");
        match serde_json::from_str(DOCUMENT) {
            Ok(rules) => rules,
            Err(error) => unreachable!("the shipped rule set is broken: {error}"),
        }
    }

    /// The passes that run.
    pub fn enabled_passes(&self) -> impl Iterator<Item = &Pass> {
        self.passes.iter().filter(|pass| pass.enabled)
    }
}
