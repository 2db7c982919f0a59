//! The derive macro of `traceherd-columns`; its documentation stands there, on the trait `Columns`.

mod attributes;
mod expand;
mod widths;

use proc_macro::TokenStream;

/// Implements `traceherd_columns::Columns` for a struct with named fields.
#[proc_macro_derive(Columns, attributes(column, columns))]
pub fn derive_columns(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    expand::expand(&input)
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}
