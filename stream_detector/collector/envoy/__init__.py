"""Envoy's access logs over gRPC: `entries` reads them, `service` takes the streams."""
