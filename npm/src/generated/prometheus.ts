// Written by `make generate` from the tables of the core. Do not edit.

/** The content type of the text that Prometheus scrapes. */
export const PROMETHEUS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";
