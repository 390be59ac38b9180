// A server of net/http that replaces itself, in the way of tableflip: handover ADDRESS|unix:PATH. On SIGHUP it starts its
// own program anew with the listener as an inherited descriptor. When the new process says over a pipe that it
// serves, the old one calls http.Server.Shutdown, and ends.
package main

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// The descriptors of a process that was started by another: the listener, and the pipe that it says "ready" to.
const listenerAt, readyAt = 3, 4
const inherited = "HANDOVER_INHERITED"

func listen(address string) (net.Listener, error) {
	if os.Getenv(inherited) == "" {
		return net.Listen("tcp", address)
	}
	file := os.NewFile(listenerAt, "listener")
	defer file.Close()
	return net.FileListener(file)
}

func sayReady() {
	if os.Getenv(inherited) != "" {
		pipe := os.NewFile(readyAt, "ready")
		pipe.Write([]byte{1})
		pipe.Close()
	}
}

// handOver returns when the new process serves.
func handOver(listener net.Listener) error {
	file, err := listener.(*net.TCPListener).File()
	if err != nil {
		return err
	}
	defer file.Close()
	told, tells, err := os.Pipe()
	if err != nil {
		return err
	}
	defer told.Close()
	next := exec.Command(os.Args[0], os.Args[1:]...)
	next.Stdout, next.Stderr = os.Stdout, os.Stderr
	next.ExtraFiles = []*os.File{file, tells}
	next.Env = append(os.Environ(), inherited+"=1")
	err = next.Start()
	tells.Close()
	if err != nil {
		return err
	}
	told.SetReadDeadline(time.Now().Add(10 * time.Second))
	_, err = io.ReadFull(told, make([]byte, 1))
	return err
}

func main() {
	listener, err := listen(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "hello\n")
	})}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGTERM)
	go server.Serve(listener)
	sayReady()
	for <-signals == syscall.SIGHUP {
		if err := handOver(listener); err == nil {
			break
		} else {
			log.Print(err)
		}
	}
	limit, cancel := context.WithTimeout(context.Background(), 25*time.Second)
	defer cancel()
	server.Shutdown(limit)
}
