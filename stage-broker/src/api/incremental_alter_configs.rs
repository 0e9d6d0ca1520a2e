//! IncrementalAlterConfigs: single settings set, unset, added to, taken from.

use super::Cx;
use super::alter_configs::{check_broker_config, said};
use super::create_topics::{Refusal, check_config, storage};
use super::describe_configs::{BROKER, TOPIC, check_broker, topic};
use crate::settings::{self, Kind};
use crate::store::Key;
use crate::topic::effective;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::{IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse};
use std::collections::BTreeMap;

const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

pub(super) async fn answer(
    cx: &mut Cx,
    request: IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
    let mut responses = Vec::with_capacity(request.resources.len());
    for resource in &request.resources {
        let altered = alter(cx, resource, request.validate_only);
        let (error, why) = said(cx, altered).await;
        let response = AlterConfigsResourceResponse::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone());
        responses.push(response.with_error_code(error).with_error_message(why));
    }
    IncrementalAlterConfigsResponse::default().with_responses(responses)
}

fn alter(cx: &Cx, resource: &AlterConfigsResource, dry: bool) -> Result<(), Refusal> {
    let names: Vec<_> = resource.configs.iter().map(|config| &config.name).collect();
    if let Some(twice) = names.iter().enumerate().find(|(n, name)| names[..*n].contains(name)) {
        let why = format!("Error due to duplicate config keys: {}", &***twice.1);
        return Err((ResponseError::InvalidRequest, why));
    }
    match resource.resource_type {
        TOPIC => {
            let topic = topic(&cx.node, &resource.resource_name)?;
            let mut configs = topic.configs.clone();
            for change in &resource.configs {
                let now = effective(&change.name, &configs, &cx.node.settings.borrow());
                apply(&mut configs, change, now, check_config)?;
            }
            if dry { Ok(()) } else { cx.node.configure_topic(&topic, configs).map_err(storage) }
        }
        BROKER => {
            check_broker(&resource.resource_name)?;
            let mut configs: BTreeMap<String, String> =
                cx.node.store.borrow().get(&Key::Broker).unwrap_or_default();
            for change in &resource.configs {
                let now = Some(cx.node.setting(&change.name));
                apply(&mut configs, change, now, check_broker_config)?;
            }
            if dry { Ok(()) } else { cx.node.configure_broker(configs).map_err(storage) }
        }
        other => {
            Err((ResponseError::InvalidRequest, format!("Resource type {other} has no settings.")))
        }
    }
}

fn apply(
    configs: &mut BTreeMap<String, String>,
    change: &AlterableConfig,
    now: Option<String>,
    check: impl Fn(&str, Option<String>) -> Result<String, Refusal>,
) -> Result<(), Refusal> {
    let name = change.name.to_string();
    let value = change.value.as_deref().map(ToOwned::to_owned);
    let refuse = |why: String| Err((ResponseError::InvalidConfig, why));
    if settings::topic(&name).is_none() && settings::broker(&name).is_none() {
        return refuse(format!("Unknown topic config name: {name}"));
    }
    let value = match change.config_operation {
        DELETE => {
            configs.remove(&name);
            return Ok(());
        }
        SET => value,
        APPEND | SUBTRACT => {
            let list = settings::topic(&name).is_some_and(|k| matches!(k.kind, Kind::Some(_)));
            let Some(value) = value.filter(|_| list) else {
                return refuse(format!(
                    "Config value append is not allowed for config key: {name}"
                ));
            };
            let now = now.unwrap_or_default();
            let mut parts: Vec<_> = now.split(',').filter(|part| !part.is_empty()).collect();
            let changed: Vec<_> = value.split(',').collect();
            parts.retain(|part| !changed.contains(part));
            if change.config_operation == APPEND {
                parts.extend(changed);
            }
            Some(parts.join(","))
        }
        other => {
            let why = format!("Unknown operation type {other}");
            return Err((ResponseError::InvalidRequest, why));
        }
    };
    let value = check(&name, value)?;
    configs.insert(name, value);
    Ok(())
}
