//! Where the results go: a folder with every figure and the plots, the terminal, and a page.

use std::{fs, path::Path};

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
    let serde_json::Value::Object(parts) = serde_json::to_value(results)? else {
        return Err("the results are no object".into());
    };
    let mut members = Vec::new();
    for (name, part) in parts {
        let value = match part {
            serde_json::Value::Array(list) => {
                let lines: Vec<_> = list.iter().map(ToString::to_string).collect();
                format!("[\n{}\n]", lines.join(",\n"))
            }
            other => other.to_string(),
        };
        members.push(format!("\"{name}\": {value}"));
    }
    Ok(format!("{{\n{}\n}}\n", members.join(",\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_keeps_all_but_its_tables() {
        let page = format!("before\n{BEGIN}old\n{END}after\n");
        let new = replaced(&page, "new").unwrap_or_default();
        assert_eq!(new, format!("before\n{BEGIN}\nnew\n{END}after\n"));
        assert_eq!(replaced("no marks", "new"), None);
    }
}
