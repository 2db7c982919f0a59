//! From a struct to its `impl Columns`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Field, Fields, Result};

use crate::attributes::{Options, check_name};

pub fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let fields = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => &fields.named,
            _ => return Err(unsupported(input)),
        },
        _ => return Err(unsupported(input)),
    };
    let mut names = Vec::new();
    let mut columns = Vec::new();
    for field in fields {
        columns.push(of_field(field, &mut names)?);
    }
    for options in Options::of_struct(&input.attrs)? {
        columns.push(of_virtual(&options, &mut names)?);
    }
    let ident = &input.ident;
    let (impl_generics, type_generics, where_clause) = input.generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics ::traceherd_columns::Columns for #ident #type_generics #where_clause {
            fn columns() -> ::traceherd_columns::ColumnSet<Self> {
                let mut columns: ::std::vec::Vec<::traceherd_columns::Column<Self>> =
                    ::std::vec::Vec::new();
                #(#columns)*
                ::traceherd_columns::ColumnSet::new(columns)
            }
        }
    })
}

fn unsupported(input: &DeriveInput) -> Error {
    let message = "`Columns` can be derived for a struct with named fields only";
    Error::new(input.ident.span(), message)
}

fn of_field(field: &Field, names: &mut Vec<String>) -> Result<TokenStream> {
    let options = Options::of_field(&field.attrs)?;
    let (ident, ty) = (&field.ident, &field.ty);
    if options.skip.is_some() {
        return Ok(quote!());
    }
    if options.flatten.is_some() {
        return Ok(quote_spanned! {ty.span()=>
            columns.extend(::traceherd_columns::flatten(
                |event: &Self| ::traceherd_columns::Nested::nested(&event.#ident),
                |event: &mut Self| ::traceherd_columns::Nested::nested_mut(&mut event.#ident),
            ));
        });
    }
    let (name, span) = match (&options.name, ident) {
        (Some(name), _) => (name.value(), name.span()),
        (None, Some(ident)) => (ident.unraw().to_string(), ident.span()),
        (None, None) => return Err(Error::new(field.span(), "a field without a name")),
    };
    claim(&name, span, names)?;
    let value = match &options.value {
        Some(value) => quote_spanned! {value.span()=>
            |event: &Self| {
                let value: for<'a> fn(&'a #ty) -> ::traceherd_columns::Value<'a> = #value;
                value(&event.#ident)
            }
        },
        None => quote_spanned! {ty.span()=>
            |event: &Self| ::traceherd_columns::ColumnValue::value(&event.#ident)
        },
    };
    let kind = match (&options.kind, &options.value) {
        (Some(kind), _) => quote!(.kind(::traceherd_columns::Kind::#kind)),
        (None, Some(_)) => quote!(),
        (None, None) => quote_spanned! {ty.span()=>
            .kind(<#ty as ::traceherd_columns::ColumnValue>::KIND)
        },
    };
    let sum = options.group.map(|_| {
        quote_spanned! {ty.span()=>
            .sum(|into: &mut Self, other: &Self| {
                ::traceherd_columns::Sum::add(&mut into.#ident, &other.#ident)
            })
        }
    });
    Ok(push(&name, &value, &options, &quote!(#kind #sum)))
}

fn of_virtual(options: &Options, names: &mut Vec<String>) -> Result<TokenStream> {
    let (Some(name), Some(value)) = (&options.name, &options.value) else {
        return Err(Error::new(
            proc_macro2::Span::call_site(),
            "a virtual column needs `name` and `value`",
        ));
    };
    claim(&name.value(), name.span(), names)?;
    let getter = quote_spanned! {value.span()=>
        |event: &Self| {
            let value: for<'a> fn(&'a Self) -> ::traceherd_columns::Value<'a> = #value;
            value(event)
        }
    };
    let kind = options
        .kind
        .as_ref()
        .map(|kind| quote!(.kind(::traceherd_columns::Kind::#kind)));
    Ok(push(&name.value(), &getter, options, &quote!(#kind)))
}

fn push(name: &str, value: &TokenStream, options: &Options, more: &TokenStream) -> TokenStream {
    let settings = &options.settings;
    let description = options
        .description
        .as_ref()
        .map(|text| quote!(.description(#text)));
    quote! {
        columns.push(
            ::traceherd_columns::Column::new(#name, #value) #more #description #(#settings)*
        );
    }
}

fn claim(name: &str, span: proc_macro2::Span, names: &mut Vec<String>) -> Result<()> {
    check_name(name, span)?;
    if names.iter().any(|taken| taken == name) {
        return Err(Error::new(span, format!("two columns are named `{name}`")));
    }
    names.push(name.to_owned());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_is_wrong_and_points_at_it() {
        let cases = [
            ("enum E { A }", "E", "named fields only"),
            ("struct E(u32);", "E", "named fields only"),
            (
                "struct E { #[column(widht = 8)] a: u8 }",
                "widht",
                "unknown option",
            ),
            (
                "struct E { #[column(width = 0)] a: u8 }",
                "0",
                "from 1 to 65535",
            ),
            (
                "struct E { #[column(width = 4, min_width = 8)] a: u8 }",
                "8",
                "above `width`",
            ),
            (
                "struct E { #[column(align = centre)] a: u8 }",
                "centre",
                "left, right",
            ),
            (
                "struct E { #[column(skip, fixed)] a: u8 }",
                "skip",
                "stands alone",
            ),
            (
                "struct E { #[column(name = \"a:b\")] a: u8 }",
                "\"a:b\"",
                "a column's name",
            ),
            (
                "struct E { a_base64: u8 }",
                "a_base64",
                "names ending in `_base64`",
            ),
            (
                "struct E { a: u8, #[column(name = \"a\")] b: u8 }",
                "\"a\"",
                "are named `a`",
            ),
            (
                "#[columns(virtual(name = \"a\"))] struct E { b: u8 }",
                "virtual",
                "needs `name`",
            ),
            (
                "#[columns(virtual(name = \"a\", value = f))] struct E { a: u8 }",
                "\"a\"",
                "two columns are named `a`",
            ),
            (
                "#[columns(virtual(name = \"a\", value = f, group = sum))] struct E { b: u8 }",
                "group",
                "cannot go with `value`",
            ),
        ];
        for (input, place, message) in cases {
            let parsed: DeriveInput = syn::parse_str(input).unwrap();
            let error = expand(&parsed).unwrap_err();
            let said = error.to_string();
            assert!(said.contains(message), "{input}: {said}");
            let at = error.span().source_text().unwrap();
            assert!(at.starts_with(place), "{input}: points at {at}");
        }
    }
}
