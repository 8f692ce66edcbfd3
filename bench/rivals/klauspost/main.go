// klauspost/reedsolomon as a rival: speaks bench/protocol.ts. Its best case: rows from AllocAligned, the inversion
// cache on, room for the lost rows given by the caller, as many goroutines as threads were asked for.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/cpuid/v2"
	"github.com/klauspost/reedsolomon"
)

const (
	dataRows   = 8
	parityRows = 4
	modulePath = "github.com/klauspost/reedsolomon"
)

type request struct {
	Op      string  `json:"op"`
	File    string  `json:"file"`
	Bytes   int     `json:"bytes"`
	Rounds  int     `json:"rounds"`
	RoundMs float64 `json:"roundMs"`
	Threads int     `json:"threads"`
	Kernel  string  `json:"kernel"`
}

type measured struct {
	Rates []float64 `json:"rates"`
	Check string    `json:"check"`
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	replies := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		if err := replies.Encode(answer(lines.Bytes())); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func answer(line []byte) any {
	asked := request{Rounds: 1, RoundMs: 20, Threads: 1}
	if err := json.Unmarshal(line, &asked); err != nil {
		return failure(fmt.Errorf("the line is no request: %w", err))
	}
	if asked.Op == "hello" {
		return map[string]any{
			"name": "klauspost/reedsolomon", "version": version(), "language": "Go " + strings.TrimPrefix(runtime.Version(), "go"),
			"detail": path() + ", GOAMD64 default", "ops": []string{"rs-encode", "rs-decode", "rs-repair"},
		}
	}
	result, err := measure(asked)
	if err != nil {
		return failure(err)
	}
	return result
}

func failure(err error) any {
	return map[string]string{"error": err.Error()}
}

func measure(asked request) (*measured, error) {
	lost, known := map[string]int{"rs-encode": 0, "rs-decode": parityRows, "rs-repair": 1}[asked.Op]
	if !known {
		return nil, fmt.Errorf("no such op: %q", asked.Op)
	}
	if asked.Bytes < 1 || asked.Bytes > 1<<30 || asked.Rounds < 1 || asked.Rounds > 10000 || asked.Threads < 1 {
		return nil, fmt.Errorf("bytes, rounds or threads are out of range")
	}
	options := []reedsolomon.Option{reedsolomon.WithMaxGoroutines(asked.Threads)}
	switch asked.Kernel {
	case "":
	case "avx2":
		options = append(options, reedsolomon.WithAVX512(false), reedsolomon.WithGFNI(false), reedsolomon.WithAVXGFNI(false))
	default:
		return nil, fmt.Errorf("kernel is avx2 or absent")
	}
	code, err := reedsolomon.New(dataRows, parityRows, options...)
	if err != nil {
		return nil, err
	}
	rows := reedsolomon.AllocAligned(dataRows+parityRows, asked.Bytes)
	if err := load(asked.File, rows[:dataRows]); err != nil {
		return nil, err
	}
	if err := code.Encode(rows); err != nil {
		return nil, err
	}
	call := func() error { return code.Encode(rows) }
	made := rows[dataRows:]
	if lost > 0 {
		room := reedsolomon.AllocAligned(lost, asked.Bytes)
		damaged := append([][]byte(nil), rows...)
		call = func() error {
			for row := range lost {
				damaged[row] = room[row][:0]
			}
			return code.ReconstructData(damaged)
		}
		made = damaged[:lost]
	}
	result := &measured{}
	debug.SetGCPercent(-1) // nothing is collected while it is measured
	defer debug.SetGCPercent(100)
	for round := -1; round < asked.Rounds; round++ {
		rate, err := roundRate(call, asked.RoundMs, dataRows*asked.Bytes)
		if err != nil {
			return nil, err
		}
		if round >= 0 { // the first warms up
			result.Rates = append(result.Rates, rate)
		}
	}
	sum := xxhash.New()
	for _, row := range made {
		if _, err := sum.Write(row); err != nil {
			return nil, err
		}
	}
	result.Check = fmt.Sprintf("%016x", sum.Sum64())
	return result, nil
}

func roundRate(call func() error, roundMs float64, bytes int) (float64, error) {
	calls := 0
	start := time.Now()
	for {
		if err := call(); err != nil {
			return 0, err
		}
		calls++
		if spent := time.Since(start); spent.Seconds()*1000 >= roundMs {
			return float64(bytes) * float64(calls) / spent.Seconds(), nil
		}
	}
}

func load(file string, rows [][]byte) error {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	for _, row := range rows {
		if _, err := io.ReadFull(in, row); err != nil {
			return fmt.Errorf("the file is too short: %w", err)
		}
	}
	return nil
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if module.Path == modulePath {
				return strings.TrimPrefix(module.Version, "v")
			}
		}
	}
	return "unknown"
}

// What the library picks here, by the features that it asks for.
func path() string {
	switch {
	case cpuid.CPU.Supports(cpuid.AVX512F, cpuid.GFNI, cpuid.AVX512DQ):
		return "AVX512+GFNI"
	case cpuid.CPU.Supports(cpuid.AVX, cpuid.GFNI):
		return "AVX+GFNI"
	case cpuid.CPU.Supports(cpuid.AVX2):
		return "AVX2"
	default:
		return runtime.GOARCH
	}
}
