#include "dataplane/agent/config_schema.h"

#define TEXT(type, member)                                                                         \
	CYAML_FIELD_STRING_PTR(#member, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, type, member, 0, \
			       CYAML_UNLIMITED)

static const cyaml_schema_field_t control_fields[] = {
	TEXT(struct config_raw_control, url),  TEXT(struct config_raw_control, ca),
	TEXT(struct config_raw_control, cert), TEXT(struct config_raw_control, key),
	TEXT(struct config_raw_control, crl),  CYAML_FIELD_END,
};

static const cyaml_schema_field_t memory_fields[] = {
	TEXT(struct config_raw_memory, size),
	TEXT(struct config_raw_memory, huge_pages),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t pfc_fields[] = {
	TEXT(struct config_raw_pfc, lossless),
	TEXT(struct config_raw_pfc, bulk),
	TEXT(struct config_raw_pfc, control),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t port_fields[] = {
	TEXT(struct config_raw_port, name),
	TEXT(struct config_raw_port, role),
	TEXT(struct config_raw_port, mode),
	TEXT(struct config_raw_port, interface),
	TEXT(struct config_raw_port, device),
	TEXT(struct config_raw_port, exception),
	TEXT(struct config_raw_port, mtu),
	TEXT(struct config_raw_port, speed),
	CYAML_FIELD_MAPPING_PTR("pfc", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
				struct config_raw_port, pfc, pfc_fields),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t port_value = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_raw_port, port_fields),
};

static const cyaml_schema_field_t config_fields[] = {
	TEXT(struct config_raw, name),
	TEXT(struct config_raw, run_dir),
	TEXT(struct config_raw, state_dir),
	CYAML_FIELD_MAPPING("control", CYAML_FLAG_OPTIONAL, struct config_raw, control,
			    control_fields),
	TEXT(struct config_raw, workers),
	TEXT(struct config_raw, cpus),
	TEXT(struct config_raw, idle),
	CYAML_FIELD_MAPPING("memory", CYAML_FLAG_OPTIONAL, struct config_raw, memory,
			    memory_fields),
	TEXT(struct config_raw, udp_port),
	CYAML_FIELD_SEQUENCE("ports", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct config_raw,
			     ports, &port_value, 0, CYAML_UNLIMITED),
	CYAML_FIELD_END,
};

const cyaml_schema_value_t config_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct config_raw, config_fields),
};
