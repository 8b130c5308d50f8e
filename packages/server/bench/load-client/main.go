// Rounds of requests for the server's benches by Go's own clients, net/http and google.golang.org/grpc, which cost a small part of what a server does.
// Reads a line "http", "grpc" or "stream" (requests of ModelStreamInfer) a round from stdin, answers it with a line of JSON: {"answered", "calls", "seconds", "client", "p50", "p99"}: images, calls,
// seconds, this process's processor seconds, and milliseconds of a call. Arguments: -http and -grpc host:port, files of images, or -embedding with its width.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protowire"
)

var (
	httpAt      = flag.String("http", "", "host:port")
	grpcAt      = flag.String("grpc", "", "host:port")
	seconds     = flag.Float64("seconds", 3, "of a round")
	connections = flag.Int("connections", 16, "of each protocol, with one call at a time each")
	streams     = flag.Int("streams", 1, "that requests of ModelStreamInfer share, as many at once as connections, each on a connection of its own")
	images      = flag.Int("images", 1, "in a call")
	embedding   = flag.Int("embedding", 0, "width of embeddings to send in place of images")
	model       = flag.String("model", "tiny", "name of the served model")
)

// A call's one input: images of whole files, or embeddings.
type input struct {
	name, datatype string
	shape          []int
	data           []byte
}

func inputs(files []string) []input {
	if *embedding > 0 {
		data := make([]byte, 4**embedding**images)
		for i := range *embedding * *images {
			binary.LittleEndian.PutUint32(data[4*i:], math.Float32bits(float32(i%7)-3))
		}
		return []input{{"embedding", "FP32", []int{*images, *embedding}, data}}
	}
	elements := make([][]byte, len(files))
	for i, file := range files {
		content, err := os.ReadFile(file)
		check(err)
		elements[i] = append(binary.LittleEndian.AppendUint32(nil, uint32(len(content))), content...)
	}
	all := make([]input, len(elements))
	for i := range elements {
		var data []byte
		for k := range *images {
			data = append(data, elements[(i+k)%len(elements)]...)
		}
		all[i] = input{"image", "BYTES", []int{*images}, data}
	}
	return all
}

// ModelInferRequest, as generated code writes it: from the tensor's bytes, at every call.
func (in input) message() []byte {
	var shape []byte
	for _, size := range in.shape {
		shape = protowire.AppendVarint(shape, uint64(size))
	}
	var tensor []byte
	tensor = protowire.AppendString(protowire.AppendTag(tensor, 1, protowire.BytesType), in.name)
	tensor = protowire.AppendString(protowire.AppendTag(tensor, 2, protowire.BytesType), in.datatype)
	tensor = protowire.AppendBytes(protowire.AppendTag(tensor, 3, protowire.BytesType), shape)
	out := make([]byte, 0, len(in.data)+len(tensor)+64)
	out = protowire.AppendString(protowire.AppendTag(out, 1, protowire.BytesType), *model)
	out = protowire.AppendBytes(protowire.AppendTag(out, 5, protowire.BytesType), tensor)
	return protowire.AppendBytes(protowire.AppendTag(out, 7, protowire.BytesType), in.data)
}

// The bytes of messages as they are.
type raw struct{}

func (raw) Name() string                  { return "proto" }
func (raw) Marshal(v any) ([]byte, error) { return v.(input).message(), nil }
func (raw) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = append((*v.(*[]byte))[:0], data...)
	return nil
}

func overGrpc() func(input) error {
	connection, err := grpc.NewClient(*grpcAt, grpc.WithTransportCredentials(insecure.NewCredentials()))
	check(err)
	var answer []byte
	return func(in input) error {
		return connection.Invoke(context.Background(), "/inference.GRPCInferenceService/ModelInfer", in, &answer, grpc.ForceCodec(raw{}))
	}
}

// A stream that several callers share: answers come in the order of the requests.
func overStream() func(input) error {
	connection, err := grpc.NewClient(*grpcAt, grpc.WithTransportCredentials(insecure.NewCredentials()))
	check(err)
	both := &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}
	path := "/inference.GRPCInferenceService/ModelStreamInfer"
	stream, err := connection.NewStream(context.Background(), both, path, grpc.ForceCodec(raw{}))
	check(err)
	waiting := make(chan chan error, *connections)
	go func() {
		var answer []byte
		for {
			err := stream.RecvMsg(&answer)
			// the first field of an answer is an error's words, or the answer itself
			if err == nil && len(answer) > 0 && answer[0] == 1<<3|2 {
				err = fmt.Errorf("%q", answer)
			}
			(<-waiting) <- err
		}
	}()
	var sending sync.Mutex
	return func(in input) error {
		answered := make(chan error, 1)
		sending.Lock()
		waiting <- answered
		err := stream.SendMsg(in)
		sending.Unlock()
		if err != nil {
			return err
		}
		return <-answered
	}
}

func overHTTP() func(input) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1, DisableCompression: true}}
	url := "http://" + *httpAt + "/v2/models/" + *model + "/infer"
	return func(in input) error {
		head, err := json.Marshal(map[string]any{
			"parameters": map[string]any{"binary_data_output": true},
			"inputs": []any{map[string]any{
				"name": in.name, "datatype": in.datatype, "shape": in.shape,
				"parameters": map[string]any{"binary_data_size": len(in.data)},
			}},
		})
		if err != nil {
			return err
		}
		request, err := http.NewRequest("POST", url, bytes.NewReader(append(head, in.data...)))
		if err != nil {
			return err
		}
		request.Header.Set("Content-Type", "application/octet-stream")
		request.Header.Set("Inference-Header-Content-Length", strconv.Itoa(len(head)))
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err == nil && response.StatusCode != 200 {
			err = fmt.Errorf("HTTP %d: %s", response.StatusCode, body)
		}
		return err
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Processor seconds of this process so far.
func spent() float64 {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}

func round(callers []func(input) error, all []input) map[string]any {
	began, own := time.Now(), spent()
	until := began.Add(time.Duration(*seconds * float64(time.Second)))
	took := make([][]float64, len(callers))
	var every sync.WaitGroup
	for worker, call := range callers {
		every.Go(func() {
			for i := worker; time.Now().Before(until); i += len(callers) {
				start := time.Now()
				check(call(all[i%len(all)]))
				took[worker] = append(took[worker], time.Since(start).Seconds()*1000)
			}
		})
	}
	every.Wait()
	calls := slices.Concat(took...)
	slices.Sort(calls)
	return map[string]any{
		"answered": len(calls) * *images, "calls": len(calls), "seconds": time.Since(began).Seconds(), "client": spent() - own,
		"p50": calls[len(calls)/2], "p99": calls[len(calls)*99/100],
	}
}

func main() {
	flag.Parse()
	all := inputs(flag.Args())
	ways := map[string][]func(input) error{}
	var shared []func(input) error
	for i := range *connections {
		ways["http"] = append(ways["http"], overHTTP())
		ways["grpc"] = append(ways["grpc"], overGrpc())
		if i < *streams {
			shared = append(shared, nil)
		}
	}
	lines := bufio.NewScanner(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		if _, made := ways[lines.Text()]; !made {
			for i := range shared {
				shared[i] = overStream()
			}
			for i := range *connections {
				ways["stream"] = append(ways["stream"], shared[i%len(shared)])
			}
		}
		check(out.Encode(round(ways[lines.Text()], all)))
	}
}
