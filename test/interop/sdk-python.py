"""Sends one span, one log record and one count through the official Python SDK, set up by OTEL_EXPORTER_OTLP_*."""

import logging
import sys

if sys.argv[1] == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
else:
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

logging.basicConfig(level=logging.WARNING)

tracing = TracerProvider()
tracing.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
tracing.get_tracer("python").start_span("checkout.of.cart").end()
tracing.shutdown()

logs = LoggerProvider()
logs.add_log_record_processor(SimpleLogRecordProcessor(OTLPLogExporter()))
logs.get_logger("python").emit(
    LogRecord(timestamp=1, severity_number=SeverityNumber.WARN, body="checkout.of.cart")
)
logs.shutdown()

metering = MeterProvider(metric_readers=[PeriodicExportingMetricReader(OTLPMetricExporter())])
metering.get_meter("python").create_counter("checkout.of.cart").add(3)
metering.shutdown()
