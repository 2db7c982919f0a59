//! What a CustomResourceDefinition allows, and what the API server allows every resource.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use schemars::generate::SchemaSettings;
use serde_json::{Value as Json, json};

use super::metadata;
use super::place::{Place, Problem};
use super::schema::{self, Checked};
use super::tree::Node;

/// One resource's full schema.
pub struct Definition {
    kind: String,
    schema: Json,
}

impl Definition {
    /// The schema of `crd`, with that of the metadata which Kubernetes adds.
    pub fn new(crd: &CustomResourceDefinition) -> Self {
        let version = crd.spec.versions.first();
        let mut schema = version
            .and_then(|version| version.schema.as_ref())
            .and_then(|schema| serde_json::to_value(&schema.open_api_v3_schema).ok())
            .unwrap_or_default();
        schema["properties"]["metadata"] = of_metadata();
        schema["properties"]["apiVersion"] = json!({"type": "string"});
        schema["properties"]["kind"] = json!({"type": "string"});
        Self {
            kind: crd.spec.names.kind.clone(),
            schema,
        }
    }

    /// Checks `document`; a field that only `other` has is explained so.
    ///
    /// # Errors
    /// The first violation.
    pub fn check(&self, document: &Node, other: &Self) -> Result<Checked, Problem> {
        let elsewhere = |path: &str, name: &str| {
            let there = schema::at_path(&other.schema, path)?
                .get("properties")?
                .get(name)?;
            there
                .is_object()
                .then(|| format!("only a {} has it", other.kind))
        };
        let checked = schema::check(&self.schema, document, &elsewhere)?;
        named(&checked)?;
        metadata::check(&checked)?;
        self.rules(&checked)?;
        Ok(checked)
    }

    /// Evaluates the schema's rules in CEL, which the API server does once the rest is right.
    fn rules(&self, checked: &Checked) -> Result<(), Problem> {
        let validator = kube_cel::Validator::new();
        let Err(errors) = validator.validate(&self.schema, &checked.json, None) else {
            return Ok(());
        };
        errors
            .into_vec()
            .into_iter()
            .next()
            .map_or(Ok(()), |error| {
                let place = |path: &str| checked.places.get(path).copied();
                // A rule about the name can only stand at the root: its message names the field.
                let place = if error.field_path.is_empty() {
                    error.message.split(' ').next().and_then(place)
                } else {
                    place(&error.field_path)
                };
                let place = place.unwrap_or(Place::START);
                Err(Problem {
                    place,
                    path: error.field_path,
                    message: error.message,
                })
            })
    }
}

/// The schema of metadata.
fn of_metadata() -> Json {
    let mut metadata = SchemaSettings::openapi3()
        .with(|settings| settings.inline_subschemas = true)
        .into_generator()
        .into_root_schema_for::<ObjectMeta>()
        .to_value();
    // A null in metadata is the same as nothing: kubectl itself writes creationTimestamp: null.
    if let Some(fields) = metadata.get_mut("properties").and_then(Json::as_object_mut) {
        fields
            .values_mut()
            .for_each(|field| field["nullable"] = json!(true));
    }
    metadata["properties"]["namespace"] = traceherd_crds::namespace().to_value();
    metadata["properties"]["labels"]["additionalProperties"] =
        traceherd_crds::label_value().to_value();
    metadata
}

fn named(checked: &Checked) -> Result<(), Problem> {
    let refuse = |path: &str, message: &str| {
        let places = &checked.places;
        let place = places.get(path).or_else(|| places.get("metadata")).copied();
        let place = place.unwrap_or(Place::START);
        Err(Problem {
            place,
            path: path.to_owned(),
            message: message.to_owned(),
        })
    };
    let metadata = |field: &str| checked.json.get("metadata").and_then(|all| all.get(field));
    if metadata("generateName").is_some() {
        refuse(
            "metadata.generateName",
            "names are generated only in a cluster: give a name",
        )
    } else if metadata("name").is_none() {
        refuse("metadata.name", "is missing: give the trace a name")
    } else {
        Ok(())
    }
}
