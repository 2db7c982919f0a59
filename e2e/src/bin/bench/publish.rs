//! Where the results go: a folder with every figure and the plots, the terminal, and a page.

use std::{fs, path::Path};

use serde_json::Value;

use crate::{Failure, plots, results::Results, settings::Settings, tables};

const BEGIN: &str = "<!-- measured: begin -->\n";
const END: &str = "<!-- measured: end -->\n";

pub fn publish(results: &Results, settings: &Settings) -> Result<(), Failure> {
    let tables = tables::all(results);
    println!("{tables}");
    let folder = &settings.folder;
    fs::create_dir_all(folder)?;
    fs::write(folder.join("results.json"), lines(results)?)?;
    plots::draw(results, folder)?;
    if let Some(page) = &settings.page {
        let text = fs::read_to_string(page)?;
        fs::write(
            page,
            replaced(&text, &tables).ok_or_else(|| no_place(page))?,
        )?;
    }
    println!("Every figure and the plots are in {}.", folder.display());
    Ok(())
}

fn no_place(page: &Path) -> Failure {
    format!("{} has no place for tables", page.display()).into()
}

/// The page with other tables between its marks.
fn replaced(page: &str, tables: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{tables}\n{END}{after}"))
}

/// JSON with a line for each sample: short, and a change is seen where it is.
fn lines(results: &Results) -> Result<String, Failure> {
    let Value::Object(parts) = serde_json::to_value(results)? else {
        return Err("the results are no object".into());
    };
    Ok(object(&parts) + "\n")
}

fn object(parts: &serde_json::Map<String, Value>) -> String {
    let member = |(name, part): (&String, &Value)| {
        let value = match part {
            Value::Array(list) => {
                let lines: Vec<_> = list.iter().map(ToString::to_string).collect();
                format!("[\n{}\n]", lines.join(",\n"))
            }
            // Samples, and the starts beside them.
            Value::Object(parts) if parts.values().any(Value::is_array) => object(parts),
            other => other.to_string(),
        };
        format!("\"{name}\": {value}")
    };
    let members: Vec<_> = parts.iter().map(member).collect();
    format!("{{\n{}\n}}", members.join(",\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_results_that_are_kept_can_be_read() {
        let kept = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../docs/benchmarks/results.json"
        );
        let results = Results::read(Path::new(kept)).unwrap();
        let kept = fs::read_to_string(kept).unwrap();
        assert_eq!(
            kept.lines().count(),
            lines(&results).unwrap().lines().count()
        );
    }

    #[test]
    fn a_page_keeps_all_but_its_tables() {
        let page = format!("before\n{BEGIN}old\n{END}after\n");
        let new = replaced(&page, "new").unwrap_or_default();
        assert_eq!(new, format!("before\n{BEGIN}\nnew\n{END}after\n"));
        assert_eq!(replaced("no marks", "new"), None);
    }
}
