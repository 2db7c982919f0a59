//! The widths of a column, and what cannot be among them.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::meta::ParseNestedMeta;
use syn::{Error, LitInt, Result};

#[derive(Default)]
pub struct Widths {
    pub width: Option<(u16, Span)>,
    pub min: Option<(u16, Span)>,
    pub max: Option<(u16, Span)>,
    pub fixed: Option<Span>,
}

impl Widths {
    fn check(&self) -> Result<()> {
        if let (Some(span), true) = (self.fixed, self.min.is_some() || self.max.is_some()) {
            let message = "`fixed` keeps `width` and cannot go with `min_width` or `max_width`";
            return Err(Error::new(span, message));
        }
        let ordered = [
            (self.min, self.width, "`min_width` is above `width`"),
            (self.width, self.max, "`width` is above `max_width`"),
            (self.min, self.max, "`min_width` is above `max_width`"),
        ];
        for (low, high, message) in ordered {
            if let (Some((low, span)), Some((high, _))) = (low, high)
                && low > high
            {
                return Err(Error::new(span, message));
            }
        }
        Ok(())
    }

    /// The widths as calls on `Column`; an error where they contradict each other.
    pub fn settings(&self) -> Result<Vec<TokenStream>> {
        self.check()?;
        let width = self.width.map(|(cells, _)| quote!(.width(#cells)));
        let min = self.min.map(|(cells, _)| quote!(.min_width(#cells)));
        let max = self.max.map(|(cells, _)| quote!(.max_width(#cells)));
        let fixed = self.fixed.map(|_| quote!(.fixed(true)));
        Ok([width, min, max, fixed].into_iter().flatten().collect())
    }
}

/// Reads a width in terminal cells.
pub fn cells(meta: &ParseNestedMeta) -> Result<(u16, Span)> {
    let literal: LitInt = meta.value()?.parse()?;
    match literal.base10_parse() {
        Ok(width) if width > 0 => Ok((width, literal.span())),
        _ => Err(Error::new(
            literal.span(),
            "a width is a number of terminal cells from 1 to 65535",
        )),
    }
}
