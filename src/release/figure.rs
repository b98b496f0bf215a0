//! Figures of the reports by their path: `evaluate.spaces.*.overall.frechet`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The reports of a proof by name.
pub(crate) type Reports = BTreeMap<String, Value>;

/// Which end of an estimate's interval counts. A plain number is all its ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum End {
    #[default]
    Value,
    Low,
    High,
}

impl End {
    fn key(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Low => "low",
            Self::High => "high",
        }
    }
}

/// Something found at a path, and what its `*` stood for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Found<'a> {
    pub(crate) at: String,
    pub(crate) stars: Vec<String>,
    pub(crate) value: &'a Value,
}

/// All that stands at a path. Absent values (null) are not there.
pub(crate) fn find<'a>(reports: &'a Reports, path: &str) -> Vec<Found<'a>> {
    let (report, rest) = path.split_once('.').unwrap_or((path, ""));
    let Some(root) = reports.get(report) else { return Vec::new() };
    let keys: Vec<&str> = rest.split('.').filter(|key| !key.is_empty()).collect();
    let begin = Found { at: report.to_owned(), stars: Vec::new(), value: root };
    let step = |found: Vec<Found<'a>>, key: &&str| found.iter().flat_map(|f| below(f, key)).collect();
    let mut found: Vec<Found> = keys.iter().fold(vec![begin], step);
    found.retain(|f| !f.value.is_null());
    found
}

fn below<'a>(found: &Found<'a>, key: &str) -> Vec<Found<'a>> {
    let child = |name: String, value: &'a Value, star: bool| {
        let mut stars = found.stars.clone();
        stars.extend(star.then(|| name.clone()));
        Found { at: format!("{}.{name}", found.at), stars, value }
    };
    match (found.value, key) {
        (Value::Object(fields), "*") => fields.iter().map(|(k, v)| child(k.clone(), v, true)).collect(),
        (Value::Array(items), "*") => {
            items.iter().enumerate().map(|(i, v)| child(i.to_string(), v, true)).collect()
        }
        (value, key) => value.get(key).map(|v| child(key.to_owned(), v, false)).into_iter().collect(),
    }
}

/// What a path with `*` is where they stand for `stars`.
pub(crate) fn fill(path: &str, stars: &[String]) -> String {
    let mut stars = stars.iter();
    let key = |key: &str| match key {
        "*" => stars.next().cloned().unwrap_or_default(),
        key => key.to_owned(),
    };
    path.split('.').map(key).collect::<Vec<_>>().join(".")
}

/// The number of a plain number or of an estimate.
pub(crate) fn number(value: &Value, end: End) -> Option<f64> {
    value.as_f64().or_else(|| value.get(end.key())?.as_f64())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn stars_stand_for_every_key_and_are_filled_in_elsewhere() {
        let evaluate = json!({ "spaces": {
            "bank": { "frechet": { "value": 3.0, "low": 2.0, "high": 4.0, "floor": 1.5 } },
            "net": { "frechet": 5.0 },
            "none": { "frechet": null },
        }});
        let reports = Reports::from([("evaluate".to_owned(), evaluate)]);
        let found = find(&reports, "evaluate.spaces.*.frechet");
        assert_eq!(
            found.iter().map(|f| f.at.as_str()).collect::<Vec<_>>(),
            ["evaluate.spaces.bank.frechet", "evaluate.spaces.net.frechet"]
        );
        assert_eq!(number(found[0].value, End::High), Some(4.0));
        assert_eq!(number(found[1].value, End::High), Some(5.0));
        let floor = fill("evaluate.spaces.*.frechet.floor", &found[0].stars);
        assert_eq!(find(&reports, &floor)[0].value, 1.5);
        assert!(
            find(&reports, "audit.verdict").is_empty()
                && find(&reports, "evaluate.spaces.x.frechet").is_empty()
        );
    }
}
