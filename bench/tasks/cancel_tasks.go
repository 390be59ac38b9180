// The work of bench/tasks/cancel_tasks.lua in Go. Usage: go run bench/tasks/cancel_tasks.go [N]
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
)

func resident() int64 {
	text, _ := os.ReadFile("/proc/self/statm")
	var size, pages int64
	fmt.Sscan(string(text), &size, &pages)
	return pages * 4096
}

func main() {
	n := 10000
	if len(os.Args) > 1 {
		n, _ = strconv.Atoi(os.Args[1])
	}
	runtime.GOMAXPROCS(1)
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	runtime.GC()
	before, began := resident(), time.Now()
	for i := 0; i < n; i++ {
		done.Add(1)
		go func() {
			defer done.Done()
			timer := time.NewTimer(time.Hour)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
		}()
	}
	runtime.Gosched()
	started := time.Now()
	runtime.GC()
	memory := resident() - before
	canceled := time.Now()
	cancel()
	marked := time.Now()
	done.Wait()
	over := time.Now()
	fmt.Printf("Go        %d tasks: started in %.1f ms, marked in %.2f ms, all over in %.1f ms, %d bytes each\n",
		n, ms(started.Sub(began)), ms(marked.Sub(canceled)), ms(over.Sub(canceled)), memory/int64(n))
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
