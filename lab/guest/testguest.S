/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest for tests: a boot-sector program that dirties memory at an exact rate and tells on whoever loses it.
 *
 * Memory. In every 4 KiB page of [p_first, p_end) the first and the last 32-bit word hold a value made from the
 * page's address, the number of the pass over the range and this guest's identity; the last word is the complement of
 * the first. A visit compares both words with what the pass before wrote there, counts a difference as a memory error,
 * and writes the next value. So lost, old, torn, swapped or foreign pages are all seen.
 *
 * Counter. It grows by one for every unit of work: p_pages pages at each timer tick, or, with p_pages = 0, FLAT_OUT
 * pages without ever pausing. It goes on where the disk says it was at the last write, so it grows over boots too.
 *
 * Disk. LBA 1 holds the state below. Every p_disk ticks the sector is read back and compared with what was written
 * last (a difference is a disk error) and then written anew; also at the start and before a power-off by button.
 * The BIOS does not offer the disk a flush, for which reason QEMU makes every write durable before it says so.
 *
 * Serial port (COM1), decimal unless noted:
 *   B <counter> E <memory errors> D <disk errors> I <identity, hex> N <boot> R <first MiB> <end MiB>  found at boot
 *   C <counter> E <memory errors> D <disk errors> W <counter last written to disk>         every p_report ticks
 *   M <page, hex> <found> <expected>        a memory error (first word if that differs, else the last; at most 16 a boot)
 *   D <message>                             a disk error (at most 16 a boot)
 *   P <counter> W <counter last written>    powering off: the ACPI power button was pressed, or p_off ticks are over
 *
 * "Unreal" mode: 16-bit code, FS with a limit of 4 GiB, so that INT 13h stays usable. COM1, the 8254 timer and the PM
 * registers at 0x600 are where QEMU and SeaBIOS put them on the machine types pc and q35.
 *
 * Dirty tracking of QEMU without KVM: in 7.2 a page that was written once stays writable without a mark in the processor's
 * cached translations after the migration has taken its mark away, and what is written to it before the next flush can be
 * missing on the destination (seen with raw virsh migrate on a busy machine: a counter 10 behind; fixed upstream in 2024 by
 * "physmem: fix migration dirty bitmap coherency with TCG memory access"). That is QEMU's loss, not the mover's, so this program
 * flushes the translations right before it writes (macro FORGET): what it then finds lost was lost by somebody else.
 *
 * On disk: LBA 0 this sector with the parameters, LBA 1 the state, from LBA 2 on the rest of the program.
 */
	.set	STAGE2_SECTORS, 4
	.set	STATE, 0x5000			/* what is written to LBA 1 */
	.set	READBACK, 0x5200		/* what was read from it */
	.set	SAVED, 0x5400			/* what it is known to hold */
	.set	STATE_LBA, 1
	.set	STATE_ID, 8
	.set	STATE_BOOTS, 12
	.set	STATE_COUNTER, 16
	.set	STATE_MEMORY_ERRORS, 20
	.set	STATE_DISK_ERRORS, 24
	.set	STATE_CHECKSUM, 508		/* makes the sum of all 128 words 0 */
	.set	FLAT_OUT, 1024
	.set	BACKLOG_MAX, 256		/* ticks made up for after a stall; older ones are dropped */
	.set	MESSAGES_MAX, 16
	.set	PASS_STEP, 0x9e3779b9
	.set	COM1, 0x3f8
	.set	PM1_STATUS, 0x600
	.set	PM1_ENABLE, 0x602
	.set	PM1_CONTROL, 0x604
	.set	POWER_BUTTON, 0x100
	.set	FLAG_IGNORE_BUTTON, 1

	/* Flushes the translations: a change of CR0.WP does, and means nothing here. Keeps all registers but the flags. */
	.macro	FORGET
	pushl	%eax
	movl	%cr0, %eax
	xorl	$0x10000, %eax
	movl	%eax, %cr0
	popl	%eax
	.endm

	.code16
	.text
	.globl	_start
_start:	jmp	boot

	/* Parameters, little endian, written here by mkguest. The magic also gives their layout a version. */
	.org	4
	.ascii	"NLTG0001"
	.org	0x10
p_first:	.long	0x00100000		/* 0x10: first byte of the range, 1 MiB or more */
p_end:		.long	0			/* 0x14: its end, cut to what memory there is; 0 = all memory */
p_pages:	.long	10			/* 0x18: pages a tick; 0 = flat out */
p_divisor:	.long	11932			/* 0x1c: ticks a second = 1193182 / this */
p_report:	.long	10			/* 0x20: ticks between C lines */
p_disk:		.long	100			/* 0x24: ticks between disk writes; 0 = never write */
p_seed:		.long	0			/* 0x28: identity; 0 = made up at the first boot and kept on the disk */
p_flags:	.long	0			/* 0x2c: FLAG_* */
p_off:		.long	0			/* 0x30: power off after so many ticks; 0 = never */

boot:	cli
	cld
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movw	$0x7c00, %sp
	movb	%dl, drive
	movw	$3, %bp				/* tries */
1:	movw	$dap_program, %si
	movb	$0x42, %ah
	movb	drive, %dl
	int	$0x13
	jnc	stage2
	decw	%bp
	jnz	1b
	movw	$text_no_program, %si
	call	puts
2:	cli
	hlt
	jmp	2b

/* puts: the text at DS:SI, ended by 0. */
puts:	lodsb
	testb	%al, %al
	jz	1f
	call	putc
	jmp	puts
1:	ret

/* putc: AL to COM1. Gives up on a port that takes nothing, so that a stuck console cannot stop the guest. */
putc:	pushal
	movb	%al, %ah
	movw	$COM1 + 5, %dx
	movw	$0xffff, %cx
1:	inb	%dx, %al
	testb	$0x20, %al
	jnz	2f
	decw	%cx
	jnz	1b
	jmp	3f
2:	movb	%ah, %al
	movw	$COM1, %dx
	outb	%al, %dx
3:	popal
	FORGET
	ret

text_no_program:	.asciz	"D cannot read the program\n"

dap_program:
	.byte	0x10, 0
	.word	STAGE2_SECTORS, 0x7e00, 0
	.quad	2
dap_read:
	.byte	0x10, 0
	.word	1, READBACK, 0
	.quad	STATE_LBA
dap_write:
	.byte	0x10, 0
	.word	1, STATE, 0
	.quad	STATE_LBA
drive:	.byte	0

	.org	510
	.word	0xaa55

stage2:	cli
	movw	$COM1 + 1, %dx			/* 115200 8N1, no interrupts, FIFO on */
	xorb	%al, %al
	outb	%al, %dx
	movw	$COM1 + 3, %dx
	movb	$0x80, %al
	outb	%al, %dx
	movw	$COM1, %dx
	movb	$1, %al
	outb	%al, %dx
	incw	%dx
	xorb	%al, %al
	outb	%al, %dx
	movw	$COM1 + 3, %dx
	movb	$3, %al
	outb	%al, %dx
	movw	$COM1 + 2, %dx
	movb	$7, %al
	outb	%al, %dx

	movw	$text_screen, %si		/* for whoever looks at the screen */
1:	lodsb
	testb	%al, %al
	jz	2f
	movb	$0x0e, %ah
	movw	$7, %bx
	int	$0x10
	jmp	1b

2:	movw	$0xe801, %ax			/* end of memory: 16 MiB + BX * 64 KiB, or 1 MiB + AX KiB */
	xorl	%ebx, %ebx
	int	$0x15
	jc	3f
	testw	%bx, %bx
	jz	4f
	movzwl	%bx, %ebx
	shll	$16, %ebx
	addl	$0x01000000, %ebx
	jmp	5f
4:	movzwl	%ax, %ebx
	shll	$10, %ebx
	addl	$0x00100000, %ebx
5:	andl	$0xfffff000, %ebx
	movl	p_end, %eax
	decl	%eax				/* 0 becomes the largest */
	cmpl	%ebx, %eax
	jb	3f
	movl	%ebx, p_end
3:
	call	unreal
	movw	$PM1_STATUS, %dx		/* forget a press from before this boot, then listen */
	movw	$POWER_BUTTON, %ax
	outw	%ax, %dx
	movw	$PM1_ENABLE, %dx
	outw	%ax, %dx

	call	load_state
	cmpl	$0, p_disk
	je	1f
	call	write_state
1:
	/* A key for each boot: what an earlier boot left in memory must not pass for this one's. */
	movl	STATE + STATE_BOOTS, %eax
	imull	$0x85ebca6b, %eax
	xorl	STATE + STATE_ID, %eax
	movl	%eax, key
	movl	p_first, %esi
2:	movl	key, %eax
	xorl	%esi, %eax
	movl	%eax, %fs:(%esi)
	notl	%eax
	movl	%eax, %fs:0xffc(%esi)
	addl	$0x1000, %esi
	cmpl	p_end, %esi
	jb	2b
	movl	p_first, %esi
	movl	%esi, cursor

	cli
	movw	$irq0, 8 * 4			/* INT 8, the timer */
	movw	$0, 8 * 4 + 2
	movb	$0xfe, %al			/* and no other interrupt */
	outb	%al, $0x21
	movb	$0xff, %al
	outb	%al, $0xa1
	movb	$0x34, %al			/* channel 0, rate generator */
	outb	%al, $0x43
	movl	p_divisor, %eax
	outb	%al, $0x40
	movb	%ah, %al
	outb	%al, $0x40
	sti

work:	cmpl	$0, p_pages
	je	flat_out
1:	cli					/* the tick cannot come between the look and the HLT */
	movl	ticks, %eax
	subl	done, %eax
	jnz	2f
	sti
	hlt
	jmp	1b
2:	sti
	cmpl	$BACKLOG_MAX, %eax
	jbe	3f
	subl	$BACKLOG_MAX, %eax
	addl	%eax, done
3:	incl	done
	movl	p_pages, %ecx
	call	visit
	jmp	after
flat_out:
	movl	ticks, %eax
	movl	%eax, done
	movl	$FLAT_OUT, %ecx
	call	visit

after:	FORGET
	incl	STATE + STATE_COUNTER
	movw	$PM1_STATUS, %dx
	inw	%dx, %ax
	testw	$POWER_BUTTON, %ax
	jz	1f
	testl	$FLAG_IGNORE_BUTTON, p_flags
	jz	power_off
	movw	$POWER_BUTTON, %ax
	outw	%ax, %dx
1:	movl	p_off, %eax
	decl	%eax
	cmpl	done, %eax
	jb	power_off

	movl	done, %eax
	subl	reported, %eax
	cmpl	p_report, %eax
	jb	2f
	movl	done, %eax
	movl	%eax, reported
	call	report
2:	movl	p_disk, %ecx
	testl	%ecx, %ecx
	jz	work
	movl	done, %eax
	subl	disk_done, %eax
	cmpl	%ecx, %eax
	jb	work
	movl	done, %eax
	movl	%eax, disk_done
	call	verify_state
	call	write_state
	jmp	work

power_off:
	cmpl	$0, p_disk
	je	1f
	call	verify_state
	call	write_state
1:	movb	$'P', %al
	movl	STATE + STATE_COUNTER, %ebx
	call	put_counter
	call	put_written
	movw	$PM1_CONTROL, %dx		/* S5 */
	movw	$0x2000, %ax
	outw	%ax, %dx
2:	cli
	hlt
	jmp	2b

/* visit: check and dirty ECX pages from the cursor on. */
visit:	movl	cursor, %esi
	movl	key, %ebx			/* the pass before */
	leal	PASS_STEP(%ebx), %edi		/* this pass */
1:	movl	%ebx, %eax
	xorl	%esi, %eax
	movl	%fs:(%esi), %edx
	cmpl	%eax, %edx
	jne	4f
	notl	%eax
	movl	%fs:0xffc(%esi), %edx
	cmpl	%eax, %edx
	jne	4f
2:	FORGET
	movl	%edi, %eax
	xorl	%esi, %eax
	movl	%eax, %fs:(%esi)
	notl	%eax
	movl	%eax, %fs:0xffc(%esi)
	addl	$0x1000, %esi
	cmpl	p_end, %esi
	jb	3f
	movl	p_first, %esi
	movl	%edi, %ebx
	addl	$PASS_STEP, %edi
3:	decl	%ecx
	jnz	1b
	movl	%esi, cursor
	movl	%ebx, key
	ret
4:	call	memory_error
	jmp	2b

/* memory_error: the page at ESI held EDX where EAX belongs. Keeps all registers. */
memory_error:
	pushal
	incl	STATE + STATE_MEMORY_ERRORS
	cmpw	$MESSAGES_MAX, memory_messages
	jae	1f
	incw	memory_messages
	pushl	%eax
	pushl	%edx
	pushl	%esi
	movb	$'M', %al
	call	putc
	popl	%ebx
	call	put_hex
	popl	%ebx
	call	put_hex
	popl	%ebx
	call	put_hex
	call	newline
1:	popal
	ret

/* disk_error: text at SI. */
disk_error:
	incl	STATE + STATE_DISK_ERRORS
	cmpw	$MESSAGES_MAX, disk_messages
	jae	1f
	incw	disk_messages
	call	puts
1:	ret

/* load_state: read LBA 1 into STATE, or make a new state when it is blank or cannot be trusted; say what was found. */
load_state:
	call	read_sector
	jc	3f
	movw	$READBACK, %si
	movw	$128, %cx
	xorl	%ebx, %ebx			/* sum */
	xorl	%edx, %edx			/* any bit set */
1:	lodsl
	addl	%eax, %ebx
	orl	%eax, %edx
	loop	1b
	testl	%edx, %edx
	jz	4f
	testl	%ebx, %ebx
	jnz	2f
	movw	$READBACK, %si
	movw	$state_magic, %di
	movw	$8, %cx
	repe cmpsb
	jne	2f
	movl	READBACK + STATE_ID, %eax
	cmpl	$0, p_seed			/* a given identity must be the disk's */
	je	5f
	cmpl	p_seed, %eax
	je	5f
2:	movw	$text_bad_state, %si
	call	disk_error
	jmp	4f
3:	movw	$text_read, %si
	call	disk_error
4:	movw	$state_magic, %si		/* a new state; error counts so far are in it already */
	movw	$STATE, %di
	movw	$8, %cx
	rep movsb
	rdtsc					/* differs between any two starts */
	imull	$0x9e3779b1, %eax
	xorl	%edx, %eax
	movl	p_seed, %ecx
	jecxz	6f
	movl	%ecx, %eax
6:	movl	%eax, STATE + STATE_ID
	jmp	7f
5:	movw	$READBACK, %si
	movw	$STATE, %di
	movw	$128, %cx
	rep movsl
7:	movw	$READBACK, %si
	call	save
	incl	STATE + STATE_BOOTS
	call	newline				/* the boot before may have been cut off in the middle of a line */
	movb	$'B', %al
	call	put_counters
	movb	$' ', %al
	call	putc
	movb	$'I', %al
	call	putc
	movl	STATE + STATE_ID, %ebx
	call	put_hex
	movb	$'N', %al
	movl	STATE + STATE_BOOTS, %ebx
	call	put_field
	movb	$'R', %al
	movl	p_first, %ebx
	shrl	$20, %ebx
	call	put_field
	movb	$' ', %al
	call	putc
	movl	p_end, %ebx
	shrl	$20, %ebx
	movw	$8, %cx
	call	put_decimal
	jmp	newline

/* verify_state: LBA 1 must be what was written last. */
verify_state:
	call	read_sector
	movw	$text_read, %si
	jc	disk_error
	movw	$READBACK, %si
	movw	$SAVED, %di
	movw	$128, %cx
	repe cmpsl
	movw	$text_differs, %si
	jne	disk_error
	ret

/* write_state: STATE to LBA 1. */
write_state:
	movl	$0, STATE + STATE_CHECKSUM
	movw	$STATE, %si
	movw	$128, %cx
	xorl	%ebx, %ebx
1:	lodsl
	subl	%eax, %ebx
	loop	1b
	movl	%ebx, STATE + STATE_CHECKSUM
	movw	$dap_write, %si
	movw	$0x4300, %ax
	call	disk
	movw	$text_write, %si
	jc	disk_error
	movw	$STATE, %si
/* save: the sector at SI is what LBA 1 holds. */
save:	movw	$SAVED, %di
	movw	$128, %cx
	rep movsl
	ret

read_sector:
	movw	$dap_read, %si
	movw	$0x4200, %ax
/* disk: INT 13h AX with the packet at SI; the BIOS may leave any mode behind, so go back to unreal. Carry: failed. */
disk:	movb	drive, %dl
	int	$0x13
	pushfw
	call	unreal
	popfw
	ret

report:	movb	$'C', %al
	call	put_counters
/* put_written: " W <counter last written>" and the end of the line */
put_written:
	movb	$' ', %al
	call	putc
	movb	$'W', %al
	movl	SAVED + STATE_COUNTER, %ebx
	call	put_counter
	jmp	newline

/* put_counters: "<AL> counter E errors D errors" */
put_counters:
	movl	STATE + STATE_COUNTER, %ebx
	call	put_counter
	movb	$'E', %al
	movl	STATE + STATE_MEMORY_ERRORS, %ebx
	call	put_field
	movb	$'D', %al
	movl	STATE + STATE_DISK_ERRORS, %ebx
/* put_field: " <AL> <EBX, 8 digits>" */
put_field:
	pushw	%ax
	movb	$' ', %al
	call	putc
	popw	%ax
	call	putc
	movb	$' ', %al
	call	putc
	movw	$8, %cx
	jmp	put_decimal
/* put_counter: "<AL> <EBX, 10 digits>" */
put_counter:
	call	putc
	movb	$' ', %al
	call	putc
	movw	$10, %cx
/* put_decimal: EBX, at least CX digits */
put_decimal:
	movl	%ebx, %eax
	movl	$10, %ebx
	movw	$digits_end, %di
1:	xorl	%edx, %edx
	divl	%ebx
	addb	$'0', %dl
	decw	%di
	movb	%dl, (%di)
	decw	%cx
	jg	1b
	testl	%eax, %eax
	jnz	1b
	movw	%di, %si
	jmp	puts

/* put_hex: " <EBX, 8 digits>" */
put_hex:
	movb	$' ', %al
	call	putc
	movw	$8, %cx
1:	roll	$4, %ebx
	movb	%bl, %al
	andb	$15, %al
	cmpb	$10, %al
	jb	2f
	addb	$'a' - '0' - 10, %al
2:	addb	$'0', %al
	call	putc
	loop	1b
	ret

newline:
	movb	$'\n', %al
	jmp	putc

irq0:	pushw	%ax
	incl	%cs:ticks
	movb	$0x20, %al
	outb	%al, $0x20
	popw	%ax
	iretw

/* unreal: FS reaches all 4 GiB. */
unreal:	pushfw
	cli
	inb	$0x92, %al			/* address line 20 on */
	orb	$2, %al
	andb	$0xfe, %al
	outb	%al, $0x92
	lgdt	gdt_pointer
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	movw	$8, %cx
	movw	%cx, %fs
	andb	$0xfe, %al
	movl	%eax, %cr0
	xorw	%cx, %cx
	movw	%cx, %fs
	popfw
	ret

text_screen:	.asciz	"nova-lite test guest: its report is on the serial port\r\n"
text_bad_state:	.asciz	"D LBA 1 holds no valid state of this guest\n"
text_read:	.asciz	"D cannot read LBA 1\n"
text_write:	.asciz	"D cannot write LBA 1\n"
text_differs:	.asciz	"D LBA 1 is not what was written\n"
state_magic:	.ascii	"NLGUEST1"
digits:		.space	12
digits_end:	.byte	0

	.balign	8
gdt:	.quad	0
	.quad	0x00cf92000000ffff		/* data, base 0, limit 4 GiB */
gdt_pointer:
	.word	gdt_pointer - gdt - 1
	.long	gdt

	.balign	4
key:		.long	0			/* value of a page not yet visited in this pass, before the address is mixed in */
cursor:		.long	0
ticks:		.long	0			/* by the timer interrupt */
done:		.long	0			/* ticks worked off */
reported:	.long	0
disk_done:	.long	0
memory_messages:	.word	0
disk_messages:	.word	0

	.org	512 * (1 + STAGE2_SECTORS)
