module traceo.example/interop/chaos-toxiproxy

go 1.23.0

require (
	github.com/Shopify/toxiproxy/v2 v2.12.0
	github.com/rs/zerolog v1.33.0
)
