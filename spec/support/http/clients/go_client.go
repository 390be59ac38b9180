// The requests of spec/http/real_clients_spec.lua, by Go's net/http.
package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"
)

var base = "http://" + os.Args[1]

type reply struct {
	status int
	closes bool
	length int64
	body   string
	err    error
}

func ask(method, path string, body io.Reader, fields ...string) reply {
	request, _ := http.NewRequest(method, base+path, body)
	for i := 0; i+1 < len(fields); i += 2 {
		request.Header.Set(fields[i], fields[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return reply{err: err}
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Close, response.ContentLength, string(text), err}
}

func main() {
	http.DefaultTransport.(*http.Transport).ExpectContinueTimeout = 5 * time.Second
	r := ask("GET", "/hello", nil)
	fmt.Println("hello", r.status, r.body)
	r = ask("POST", "/echo", strings.NewReader(strings.Repeat("x", 100000)))
	fmt.Println("echo", r.status, len(r.body))
	r = ask("POST", "/echo", io.LimitReader(strings.NewReader(strings.Repeat("x", 30000)), 30000))
	fmt.Println("chunked", r.status, len(r.body))
	r = ask("GET", "/stream", nil)
	fmt.Println("stream", r.status, len(r.body))
	r = ask("HEAD", "/hello", nil)
	fmt.Println("head", r.status, r.length)
	r = ask("GET", "/empty", nil)
	fmt.Println("empty", r.status, len(r.body))
	r = ask("GET", "/raise", nil)
	fmt.Println("raise", r.status, map[bool]string{true: "close"}[r.closes])
	r = ask("GET", "/cut", nil)
	if r.err != nil {
		fmt.Println("cut noticed")
	} else {
		fmt.Println("cut whole")
	}
	r = ask("POST", "/echo", strings.NewReader(strings.Repeat("x", 1000)), "Expect", "100-continue")
	fmt.Println("expect", r.status, len(r.body))
	ask("GET", "/hello", nil)
	fmt.Println("looping")
	for served := 0; ; served++ {
		r = ask("GET", "/hello", nil)
		if r.err != nil {
			lost := 1
			if errors.Is(r.err, syscall.ECONNREFUSED) && served > 0 {
				lost = 0
			}
			fmt.Println("lost", lost)
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}
