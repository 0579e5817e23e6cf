// euid says as whom it runs. Set-uid in an image, it shows whether a container may gain privileges.
package main

import (
	"fmt"
	"syscall"
)

func main() {
	fmt.Printf("Effective uid: %d\n", syscall.Geteuid())
}
