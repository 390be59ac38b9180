// An echo server on Go's net, one processor. Usage: go_net [lines] [deadlines] [large]
//
// lines: reads lines with bufio and writes them back, flushed when no further line is waiting.
// deadlines: one for each read and each write, 30 s ahead.
// large: buffers of 64 KiB instead of 4.
package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"
)

const patience = 30 * time.Second

var lines, deadlines, large bool

func echo(conn *net.TCPConn) {
	size := 4 * 1024
	if large {
		size = 64 * 1024
	}
	buffer := make([]byte, size)
	for {
		if deadlines {
			conn.SetReadDeadline(time.Now().Add(patience))
		}
		got, err := conn.Read(buffer)
		if err != nil {
			return
		}
		if deadlines {
			conn.SetWriteDeadline(time.Now().Add(patience))
		}
		if _, err := conn.Write(buffer[:got]); err != nil {
			return
		}
	}
}

func echoLines(conn *net.TCPConn) {
	reader, writer := bufio.NewReader(conn), bufio.NewWriter(conn)
	for {
		if deadlines && reader.Buffered() == 0 {
			conn.SetReadDeadline(time.Now().Add(patience))
		}
		line, err := reader.ReadSlice('\n')
		if err != nil {
			return
		}
		writer.Write(line)
		if reader.Buffered() > 0 {
			continue
		}
		if deadlines {
			conn.SetWriteDeadline(time.Now().Add(patience))
		}
		if writer.Flush() != nil {
			return
		}
	}
}

func main() {
	runtime.GOMAXPROCS(1)
	for _, word := range os.Args[1:] {
		lines = lines || word == "lines"
		deadlines = deadlines || word == "deadlines"
		large = large || word == "large"
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr())

	var mutex sync.Mutex
	var handlers sync.WaitGroup
	open := map[*net.TCPConn]bool{}
	go func() {
		for {
			accepted, err := listener.Accept()
			if err != nil {
				return
			}
			conn := accepted.(*net.TCPConn)
			mutex.Lock()
			open[conn] = true
			mutex.Unlock()
			handlers.Add(1)
			go func() {
				defer handlers.Done()
				if lines {
					echoLines(conn)
				} else {
					echo(conn)
				}
				mutex.Lock()
				delete(open, conn)
				mutex.Unlock()
				conn.Close()
			}()
		}
	}()

	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	<-stop
	listener.Close()
	mutex.Lock()
	for conn := range open {
		conn.CloseWrite()
	}
	mutex.Unlock()
	handlers.Wait()
}
