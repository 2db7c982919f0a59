//! Reading `#[column(...)]` and `#[columns(virtual(...))]`.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Error, Expr, Ident, LitInt, LitStr, Result};

use crate::widths::{Widths, cells};

const OPTIONS: &str = "name, description, width, min_width, max_width, align, ellipsis, fixed, \
     hidden, order, precision, group, kind, value, skip, flatten";

/// What the attributes of one column say.
#[derive(Default)]
pub struct Options {
    pub name: Option<LitStr>,
    pub description: Option<String>,
    pub value: Option<Expr>,
    pub kind: Option<Ident>,
    pub group: Option<Span>,
    pub skip: Option<Span>,
    pub flatten: Option<Span>,
    /// Calls on `Column`, such as `.width(8)`.
    pub settings: Vec<TokenStream>,
    widths: Widths,
    seen: Vec<String>,
}

impl Options {
    /// The options of a field: its `#[column(...)]` attributes, and its doc comment as description.
    pub fn of_field(attributes: &[Attribute]) -> Result<Self> {
        let mut options = Self::default();
        for attribute in attributes {
            if attribute.path().is_ident("column") {
                attribute.parse_nested_meta(|meta| options.read(&meta))?;
            }
        }
        if options.description.is_none() {
            options.description = first_paragraph(attributes);
        }
        options.check()?;
        Ok(options)
    }

    /// The virtual columns of a struct: each `virtual(...)` in its `#[columns(...)]` attributes.
    pub fn of_struct(attributes: &[Attribute]) -> Result<Vec<Self>> {
        let mut columns = Vec::new();
        for attribute in attributes {
            if !attribute.path().is_ident("columns") {
                continue;
            }
            attribute.parse_nested_meta(|meta| {
                if !meta.path.is_ident("virtual") {
                    return Err(meta.error("expected `virtual(name = \"...\", value = ...)`"));
                }
                let mut options = Self::default();
                meta.parse_nested_meta(|meta| options.read(&meta))?;
                options.check()?;
                if options.name.is_none() || options.value.is_none() {
                    return Err(meta.error("a virtual column needs `name` and `value`"));
                }
                if let Some(span) = options.skip.or(options.flatten) {
                    return Err(Error::new(span, "not an option of a virtual column"));
                }
                columns.push(options);
                Ok(())
            })?;
        }
        Ok(columns)
    }

    fn read(&mut self, meta: &ParseNestedMeta) -> Result<()> {
        let unknown = || meta.error(format!("unknown option; the options are {OPTIONS}"));
        let key = meta.path.get_ident().ok_or_else(unknown)?;
        let span = key.span();
        let key = key.to_string();
        if self.seen.contains(&key) {
            return Err(meta.error(format!("`{key}` is given twice")));
        }
        match key.as_str() {
            "name" => self.name = Some(meta.value()?.parse()?),
            "description" => {
                self.description = Some(meta.value()?.parse::<LitStr>()?.value());
            }
            "width" => self.widths.width = Some(cells(meta)?),
            "min_width" => self.widths.min = Some(cells(meta)?),
            "max_width" => self.widths.max = Some(cells(meta)?),
            "fixed" => self.widths.fixed = Some(span),
            "hidden" => self.settings.push(quote!(.hidden(true))),
            "skip" => self.skip = Some(span),
            "flatten" => self.flatten = Some(span),
            "value" => self.value = Some(meta.value()?.parse()?),
            "align" => {
                let align = choice(meta, &[("left", "Left"), ("right", "Right")])?;
                self.settings
                    .push(quote!(.align(::traceherd_columns::Align::#align)));
            }
            "ellipsis" => {
                let ellipsis = choice(
                    meta,
                    &[
                        ("end", "End"),
                        ("start", "Start"),
                        ("middle", "Middle"),
                        ("none", "None"),
                    ],
                )?;
                self.settings
                    .push(quote!(.ellipsis(::traceherd_columns::Ellipsis::#ellipsis)));
            }
            "group" => {
                choice(meta, &[("sum", "Sum")])?;
                self.group = Some(span);
            }
            "kind" => {
                let kinds = [
                    ("bool", "Bool"),
                    ("int", "Int"),
                    ("float", "Float"),
                    ("text", "Text"),
                    ("time", "Time"),
                ];
                self.kind = Some(choice(meta, &kinds)?);
            }
            "order" => {
                // An expression, since a negative number is not a literal.
                let order: Expr = meta.value()?.parse()?;
                self.settings.push(quote!(.order(#order)));
            }
            "precision" => {
                let precision: LitInt = meta.value()?.parse()?;
                precision.base10_parse::<u8>()?;
                self.settings.push(quote!(.precision(#precision)));
            }
            _ => return Err(unknown()),
        }
        self.seen.push(key);
        Ok(())
    }

    /// Refuses what contradicts itself, and turns the widths into settings.
    fn check(&mut self) -> Result<()> {
        for (span, option) in [(self.skip, "skip"), (self.flatten, "flatten")] {
            if let Some(span) = span
                && self.seen.len() > 1
            {
                let message = format!("`{option}` stands alone: no other option has a meaning");
                return Err(Error::new(span, message));
            }
        }
        if let (Some(span), true) = (self.group, self.value.is_some()) {
            let message = "`group = sum` adds up the field itself and cannot go with `value`";
            return Err(Error::new(span, message));
        }
        self.settings.append(&mut self.widths.settings()?);
        Ok(())
    }
}

/// Refuses a name that a selection, a filter or a sort could not say.
pub fn check_name(name: &str, span: Span) -> Result<()> {
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !starts || !name.chars().all(letter) {
        let message = "a column's name is made of ASCII letters, digits, `_` and `.`, \
                       and starts with a letter or `_`";
        return Err(Error::new(span, message));
    }
    if name.ends_with("_base64") {
        let message = "names ending in `_base64` are taken by the exact form of bytes in JSON";
        return Err(Error::new(span, message));
    }
    Ok(())
}

/// A bare word out of `choices`, as the variant that it stands for.
fn choice(meta: &ParseNestedMeta, choices: &[(&str, &str)]) -> Result<Ident> {
    let word: Ident = meta.value()?.parse()?;
    let found = choices.iter().find(|(name, _)| word == *name);
    match found {
        Some((_, variant)) => Ok(Ident::new(variant, word.span())),
        None => {
            let known: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            let message = format!("expected one of: {}", known.join(", "));
            Err(Error::new(word.span(), message))
        }
    }
}

/// The doc comment up to its first empty line, as one line.
fn first_paragraph(attributes: &[Attribute]) -> Option<String> {
    let lines = attributes.iter().filter_map(|attribute| {
        let pair = attribute.meta.require_name_value().ok()?;
        match &pair.value {
            Expr::Lit(syn::ExprLit {
                lit: syn::Lit::Str(text),
                ..
            }) if pair.path.is_ident("doc") => Some(text.value()),
            _ => None,
        }
    });
    let mut text: Vec<String> = Vec::new();
    for line in lines {
        for line in line.split('\n').map(str::trim) {
            match (line.is_empty(), text.is_empty()) {
                (false, _) => text.push(line.to_owned()),
                (true, true) => {}
                (true, false) => return Some(text.join(" ")),
            }
        }
    }
    (!text.is_empty()).then(|| text.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse_quote;

    fn field(attribute: Attribute) -> Result<Options> {
        Options::of_field(&[attribute])
    }

    #[test]
    fn what_contradicts_itself_or_is_unknown_is_refused() {
        let cases: [(Attribute, &str); 13] = [
            (
                parse_quote!(#[column(widht = 3)]),
                "unknown option; the options are name",
            ),
            (parse_quote!(#[column(width = 0)]), "from 1 to 65535"),
            (parse_quote!(#[column(width = 70000)]), "from 1 to 65535"),
            (
                parse_quote!(#[column(width = "3")]),
                "expected integer literal",
            ),
            (
                parse_quote!(#[column(width = 3, width = 4)]),
                "`width` is given twice",
            ),
            (
                parse_quote!(#[column(width = 3, min_width = 4)]),
                "`min_width` is above `width`",
            ),
            (
                parse_quote!(#[column(width = 5, max_width = 4)]),
                "`width` is above `max_width`",
            ),
            (
                parse_quote!(#[column(fixed, max_width = 4)]),
                "`fixed` keeps `width`",
            ),
            (
                parse_quote!(#[column(align = centre)]),
                "expected one of: left, right",
            ),
            (
                parse_quote!(#[column(ellipsis = away)]),
                "expected one of: end, start, middle, none",
            ),
            (
                parse_quote!(#[column(skip, width = 3)]),
                "`skip` stands alone",
            ),
            (
                parse_quote!(#[column(flatten, hidden)]),
                "`flatten` stands alone",
            ),
            (
                parse_quote!(#[column(group = sum, value = f)]),
                "cannot go with `value`",
            ),
        ];
        for (attribute, expected) in cases {
            let said = field(attribute.clone()).err().map(|e| e.to_string());
            assert!(
                said.as_deref().is_some_and(|said| said.contains(expected)),
                "{} gave {said:?}, not {expected:?}",
                quote!(#attribute),
            );
        }
    }

    #[test]
    fn a_virtual_column_needs_a_name_and_a_value() {
        let cases: [(Attribute, &str); 4] = [
            (
                parse_quote!(#[columns(virtual(name = "a"))]),
                "needs `name` and `value`",
            ),
            (
                parse_quote!(#[columns(virtual(value = f))]),
                "needs `name` and `value`",
            ),
            (parse_quote!(#[columns(extra)]), "expected `virtual("),
            (
                parse_quote!(#[columns(virtual(name = "a", value = f, widht = 1))]),
                "unknown option",
            ),
        ];
        for (attribute, expected) in cases {
            let said = Options::of_struct(&[attribute])
                .err()
                .map(|e| e.to_string());
            assert!(
                said.as_deref().is_some_and(|said| said.contains(expected)),
                "{said:?}"
            );
        }
    }

    #[test]
    fn the_first_paragraph_of_the_doc_comment_is_the_description() {
        let attributes: Vec<Attribute> = vec![
            parse_quote!(#[doc = " Process id,"]),
            parse_quote!(#[doc = " in the host's namespace."]),
            parse_quote!(#[doc = ""]),
            parse_quote!(#[doc = " More."]),
        ];
        let options = Options::of_field(&attributes).unwrap();
        assert_eq!(
            options.description.as_deref(),
            Some("Process id, in the host's namespace.")
        );
    }
}
