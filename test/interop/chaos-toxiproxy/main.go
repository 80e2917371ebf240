// Toxiproxy's own client and server, to hold ours against.
//
//	sender serve ADDRESS        runs Toxiproxy
//	sender drive URL UPSTREAM   drives the proxy at URL through the official client and says what it saw
package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"sort"
	"time"

	server "github.com/Shopify/toxiproxy/v2"
	toxiproxy "github.com/Shopify/toxiproxy/v2/client"
	"github.com/rs/zerolog"
)

func main() {
	switch os.Args[1] {
	case "serve":
		fmt.Println("serving")
		err := server.NewServer(server.NewMetricsContainer(nil), zerolog.Nop()).Listen(os.Args[2])
		must(err)
	case "drive":
		drive(os.Args[2], os.Args[3])
	}
}

func drive(url, upstream string) {
	client := toxiproxy.NewClient(url)
	version, err := client.Version()
	must(err)
	fmt.Printf("version %d bytes\n", len(version))

	proxy, err := client.CreateProxy("echo", "127.0.0.1:0", upstream)
	must(err)
	fmt.Println("created", proxy.Name, proxy.Enabled)
	fmt.Println("echo", echo(proxy.Listen, "hello\n"))

	_, err = client.CreateProxy("echo", "127.0.0.1:0", upstream)
	fmt.Println("again:", err)
	_, err = client.Proxy("none")
	fmt.Println("none:", err)

	toxic, err := proxy.AddToxic("slow", "latency", "downstream", 1, toxiproxy.Attributes{"latency": 100, "jitter": 10})
	must(err)
	fmt.Println("toxic", toxic.Name, toxic.Type, toxic.Stream, toxic.Toxicity, toxic.Attributes["latency"], toxic.Attributes["jitter"])
	started := time.Now()
	fmt.Println("echo", echo(proxy.Listen, "slow\n"), time.Since(started) > 85*time.Millisecond)

	_, err = proxy.AddToxic("slow", "latency", "downstream", 1, toxiproxy.Attributes{})
	fmt.Println("again:", err)
	_, err = proxy.AddToxic("", "flood", "downstream", 1, toxiproxy.Attributes{})
	fmt.Println("flood:", err)
	_, err = proxy.AddToxic("", "latency", "sideways", 1, toxiproxy.Attributes{})
	fmt.Println("sideways:", err)
	_, err = proxy.AddToxic("", "latency", "upstream", 1, toxiproxy.Attributes{"latency": "long"})
	fmt.Println("long:", err != nil)

	toxic, err = proxy.UpdateToxic("slow", 1, toxiproxy.Attributes{"latency": 1})
	must(err)
	fmt.Println("updated", toxic.Attributes["latency"], toxic.Attributes["jitter"])
	must(proxy.RemoveToxic("slow"))
	fmt.Println("gone:", proxy.RemoveToxic("slow"))

	for _, each := range []struct {
		kind       string
		attributes toxiproxy.Attributes
	}{
		{"bandwidth", toxiproxy.Attributes{"rate": 1000}},
		{"slow_close", toxiproxy.Attributes{"delay": 10}},
		{"slicer", toxiproxy.Attributes{"average_size": 2, "size_variation": 1, "delay": 10}},
		{"limit_data", toxiproxy.Attributes{"bytes": 3}},
		{"timeout", toxiproxy.Attributes{"timeout": 50}},
		{"reset_peer", toxiproxy.Attributes{"timeout": 10}},
	} {
		_, err := proxy.AddToxic("", each.kind, "downstream", 1, each.attributes)
		must(err)
		fmt.Printf("%s echo %q\n", each.kind, echo(proxy.Listen, "abcdef\n"))
		must(proxy.RemoveToxic(each.kind + "_downstream"))
	}

	must(proxy.Disable())
	_, err = net.Dial("tcp", proxy.Listen)
	fmt.Println("disabled, refused:", err != nil)
	must(proxy.Enable())
	fmt.Println("echo", echo(proxy.Listen, "back\n"))
	_, err = proxy.AddToxic("", "timeout", "upstream", 0.5, toxiproxy.Attributes{"timeout": 0})
	must(err)
	must(client.ResetState())
	toxics, err := proxy.Toxics()
	must(err)
	fmt.Println("toxics after reset", len(toxics))

	_, err = client.Populate([]toxiproxy.Proxy{{Name: "a", Listen: "127.0.0.1:0", Upstream: upstream, Enabled: true}, {Name: "b", Listen: "127.0.0.1:0", Upstream: upstream}})
	must(err)
	all, err := client.Proxies()
	must(err)
	names := []string{}
	for name, each := range all {
		names = append(names, fmt.Sprintf("%s:%v", name, each.Enabled))
	}
	sort.Strings(names)
	fmt.Println("all", names)
	must(proxy.Delete())
	_, err = client.Proxy("echo")
	fmt.Println("deleted:", err)
}

// echo answers what came back for one line, up to the end of the connection or of the line.
func echo(address, line string) string {
	connection, err := net.Dial("tcp", address)
	if err != nil {
		return "refused"
	}
	defer connection.Close()
	must(connection.SetDeadline(time.Now().Add(10 * time.Second)))
	if _, err = connection.Write([]byte(line)); err != nil {
		return "not sent"
	}
	got, _ := bufio.NewReader(connection).ReadString('\n')
	return got
}

func must(err error) {
	if err != nil {
		fmt.Println("FAILED", err)
		os.Exit(1)
	}
}
