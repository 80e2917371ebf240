// Sends one span, one log record and one count through the official Go SDK.
package main

import (
	"context"
	"fmt"
	"os"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

var failed bool

// Reports an error and goes on: each signal is tried.
func try(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		failed = true
	}
}

// Endpoint, protocol and compression come from OTEL_EXPORTER_OTLP_* as in any program.
func main() {
	ctx := context.Background()
	grpc := os.Args[1] == "grpc"

	var client otlptrace.Client = otlptracehttp.NewClient()
	if grpc {
		client = otlptracegrpc.NewClient()
	}
	spans, err := otlptrace.New(ctx, client)
	try(err)
	tracing := sdktrace.NewTracerProvider(sdktrace.WithBatcher(spans))
	_, span := tracing.Tracer("go").Start(ctx, "checkout.of.cart")
	span.End()
	try(tracing.Shutdown(ctx))

	var logs sdklog.Exporter
	if grpc {
		logs, err = otlploggrpc.New(ctx)
	} else {
		logs, err = otlploghttp.New(ctx)
	}
	try(err)
	logging := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewBatchProcessor(logs)))
	var record log.Record
	record.SetBody(attribute.StringValue("checkout.of.cart"))
	logging.Logger("go").Emit(ctx, record)
	try(logging.Shutdown(ctx))

	var points metric.Exporter
	if grpc {
		points, err = otlpmetricgrpc.New(ctx)
	} else {
		points, err = otlpmetrichttp.New(ctx)
	}
	try(err)
	metering := metric.NewMeterProvider(metric.WithReader(metric.NewPeriodicReader(points)))
	counter, err := metering.Meter("go").Int64Counter("checkout.of.cart")
	try(err)
	counter.Add(ctx, 3)
	try(metering.Shutdown(ctx))

	if failed {
		os.Exit(1)
	}
}
